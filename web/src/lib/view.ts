import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { onResize } from './canvas.ts';

/** The scrolled part of an element in CSS pixels. */
export interface ScrollView {
  scrollTop: number;
  height: number;
}

/** Follows what an element shows below its head, at most one change per frame. */
export function useView(ref: { current: HTMLElement | null }, headHeight: number): { view: ScrollView; onScroll: () => void } {
  const [view, setView] = useState<ScrollView>({ scrollTop: 0, height: 800 });
  const frame = useRef(0);
  const read = (): void => {
    frame.current = 0;
    const element = ref.current;
    if (element) setView({ scrollTop: element.scrollTop, height: element.clientHeight - headHeight });
  };
  useLayoutEffect(() => {
    read();
    return onResize(ref.current!, read);
  }, []);
  return {
    view,
    onScroll: () => {
      frame.current ||= requestAnimationFrame(read);
    },
  };
}
