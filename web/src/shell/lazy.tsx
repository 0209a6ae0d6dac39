import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** A component whose code is loaded when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Component, set] = useState<ComponentType<P> | undefined>(() => loaded);
    useEffect(() => {
      if (Component) return;
      let alive = true;
      void load().then((component) => {
        loaded = component;
        if (alive) set(() => component);
      });
      return () => {
        alive = false;
      };
    }, []);
    return Component ? <Component {...props} /> : null;
  };
}
