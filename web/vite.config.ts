import { defineConfig, type Plugin, type UserConfig } from 'vite';
import { sourcesDigest } from './build/sources.ts';

/** Writes the digest of the sources beside the output, for the Go freshness test. */
function sourcesDigestPlugin(): Plugin {
  return {
    name: 'pando-sources-digest',
    apply: 'build',
    generateBundle() {
      const source = sourcesDigest(import.meta.dirname) + '\n';
      this.emitFile({ type: 'asset', fileName: 'sources.sha256', source });
    },
  };
}

/** The viewer of saved traces: one script and one style sheet, which the server puts into a file. */
const viewer: UserConfig = {
  publicDir: false,
  build: {
    outDir: '../internal/gateway/ui/dist/viewer',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    cssCodeSplit: false,
    lib: { entry: 'src/viewer/main.tsx', formats: ['iife'], name: 'pando', fileName: () => 'viewer.js', cssFileName: 'viewer' },
  },
  define: { 'process.env.NODE_ENV': '"production"' },
};

const page: UserConfig = {
  // Relative addresses and hash routes: the page works under any sub-path behind a proxy.
  base: './',
  build: {
    outDir: '../internal/gateway/ui/dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  plugins: [sourcesDigestPlugin()],
  server: { proxy: { '/api': process.env['PANDO_URL'] ?? 'http://localhost:7070' } },
};

export default defineConfig(({ mode }) => (mode === 'viewer' ? viewer : page));
