import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatCount, formatDuration, percent, plural } from '../lib/format.ts';
import { colorClass } from '../lib/services.ts';
import { aggregate, framesOf, type Aggregate, type Frame } from './aggregate.ts';
import { none, type TraceModel } from './model.ts';

/** Height of a frame in CSS pixels; styles/views.css has the same. */
const frameHeight = 20;
/** Frames in the document at most. */
const mostFrames = 1500;

/**
 * The trace folded by service and operation; frames are as wide as the self time
 * below them. A click, or Enter, zooms; Escape goes back. A tree to assistive
 * tools, with the keys of one.
 */
export function Flame({ model }: { model: TraceModel }) {
  const tree = useMemo(() => aggregate(model), [model]);
  const [zoom, setZoom] = useState(none);
  const [cursor, setCursor] = useState(0);
  const frames = useMemo(() => framesOf(tree, zoom, mostFrames), [tree, zoom]);
  const box = useRef<HTMLDivElement>(null);
  const levels = frames.reduce((deepest, { level }) => Math.max(deepest, level + 1), 1);
  useEffect(() => box.current!.focus({ preventScroll: true }), []);

  const goTo = (node: number): void => {
    const frame = frames.find((one) => one.node === node);
    if (!frame) return;
    setCursor(node);
    const top = frame.level * frameHeight;
    const { scrollTop, clientHeight } = box.current!;
    if (top < scrollTop || top + frameHeight > scrollTop + clientHeight) box.current!.scrollTop = top - clientHeight / 2;
  };
  const zoomTo = (node: number): void => {
    setZoom(node === zoom ? none : node);
    if (node !== none) setCursor(node);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') zoomTo(cursor);
    else if (event.key === 'Escape') zoomTo(none);
    else {
      const next = neighbour(event.key, tree, frames, cursor);
      if (next === undefined) return;
      goTo(next);
    }
    event.preventDefault();
  };
  return (
    <div class="flame-view">
      <p class="flame-facts" role="status">
        <Facts tree={tree} node={cursor} />
        {zoom !== none && (
          <button type="button" class="ghost" onClick={() => zoomTo(none)}>
            Show the whole trace
          </button>
        )}
      </p>
      <div
        ref={box}
        id="flame"
        class="flame"
        role="tree"
        tabIndex={0}
        aria-label="Flame graph: operations by their self time"
        aria-activedescendant={frames.some(({ node }) => node === cursor) ? `frame-${cursor}` : undefined}
        onKeyDown={onKeyDown}
      >
        <div class="frames" role="presentation" style={{ height: `${levels * frameHeight}px` }}>
          {frames.map(({ node, left, width, level }) => (
            <div
              key={node}
              id={`frame-${node}`}
              class={`frame ${colorClass(tree.service[node]!)}${node === cursor ? ' current' : ''}${tree.errors[node]! > 0 ? ' error' : ''}`}
              role="treeitem"
              aria-level={tree.depth[node]! + 1}
              aria-selected={node === cursor}
              aria-label={wordsOf(tree, node)}
              style={{ left: `${left}%`, width: `${width}%`, top: `${level * frameHeight}px` }}
              onMouseEnter={() => setCursor(node)}
              onClick={() => zoomTo(node)}
            >
              {width > 2 && <span class="label">{tree.name[node] || '(no name)'}</span>}
            </div>
          ))}
        </div>
      </div>
      {frames.length === 0 && <p class="muted note">No span of this trace took any time.</p>}
    </div>
  );
}

function wordsOf(tree: Aggregate, node: number): string {
  const count = plural(tree.count[node]!, 'span');
  return `${tree.service[node] || '(no service)'} ${tree.name[node] || '(no name)'}, ${count}, self ${formatDuration(tree.self[node]!)}, total ${formatDuration(tree.total[node]!)}`;
}

function Facts({ tree, node }: { tree: Aggregate; node: number }) {
  if (node >= tree.nodes) return null;
  let whole = 0;
  for (let root = 0; root < tree.nodes; root = tree.subtreeEnd[root]!) whole += tree.weight[root]!;
  return (
    <>
      <span class={`dot ${colorClass(tree.service[node]!)}`} /> <span class="muted">{tree.service[node] || '(no service)'}</span>{' '}
      <strong>{tree.name[node] || '(no name)'}</strong> <span>{plural(tree.count[node]!, 'span')}</span>
      <span>self {formatDuration(tree.self[node]!)}</span>
      <span>with all below {formatDuration(tree.weight[node]!)}</span>
      <span class="muted">{percent(tree.weight[node]! / Math.max(whole, 1))} of the work</span>
      {tree.errors[node]! > 0 && <span class="failed">{formatCount(tree.errors[node]!)} failed</span>}
    </>
  );
}

/** The frame that a key leads to: up and down the tree, or to the next frame of a level. */
function neighbour(key: string, tree: Aggregate, frames: readonly Frame[], cursor: number): number | undefined {
  const at = frames.findIndex((frame) => frame.node === cursor);
  const frame = frames[at];
  switch (key) {
    case 'ArrowUp':
      return tree.parent[cursor] === none ? undefined : tree.parent[cursor];
    case 'ArrowDown':
      return frames.find(({ node }) => tree.parent[node] === cursor)?.node;
    case 'ArrowRight':
      return frames.find(({ node, level }) => node > cursor && level === frame?.level)?.node;
    case 'ArrowLeft':
      return frames.findLast(({ node, level }) => node < cursor && level === frame?.level)?.node;
    case 'Home':
      return frames[0]?.node;
    default:
      return undefined;
  }
}
