import { useState } from 'preact/hooks';
import { icons } from './icons.tsx';

/** A button that copies a text and says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    if (!(await copyText(text))) return;
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1200);
  };
  return (
    <button type="button" class="ghost copy" aria-label={copied ? 'Copied' : label} title={label} onClick={copy}>
      {copied ? icons.check : icons.copy}
    </button>
  );
}

/** Copies by the clipboard interface, which plain HTTP lacks, or by selection. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
