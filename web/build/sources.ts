import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';

/**
 * Everything the built page depends on, relative to web/. Directories are
 * walked. internal/gateway/ui/fresh_test.go holds the same list: the two must
 * agree, or the freshness test fails.
 */
export const inputs = ['build', 'index.html', 'package-lock.json', 'package.json', 'public', 'src', 'tsconfig.json', 'vite.config.ts'];

/**
 * Digest of the page's sources: SHA-256 over one line "<sha256 of file> <path>\n"
 * per file, paths with forward slashes in byte order. A Go test recomputes it, so
 * that a stale dist is found without Node.
 */
export function sourcesDigest(root: string): string {
  const files = inputs.flatMap((input) => walk(root, input)).sort();
  const total = createHash('sha256');
  for (const file of files) {
    const sum = createHash('sha256').update(readFileSync(join(root, file))).digest('hex');
    total.update(`${sum} ${file}\n`);
  }
  return total.digest('hex');
}

function walk(root: string, path: string): string[] {
  const full = join(root, path);
  try {
    return readdirSync(full).flatMap((name) => walk(root, posix.join(path, name)));
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOTDIR') throw err;
    return [path];
  }
}
