import type { Endpoint } from './api.ts';

/** The listener's address as seen from this page: an unspecified host becomes the page's own. */
export function reachable(address: string, pageHost = globalThis.location?.hostname || 'localhost'): string {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon);
  const unspecified = host === '' || host === '0.0.0.0' || host === '[::]' || host === '::';
  return unspecified ? pageHost + address.slice(colon) : address;
}

/** host:port of a protocol's listener, or of its well-known port. */
export function addressOf(endpoints: readonly Endpoint[], protocol: 'otlp-grpc' | 'otlp-http', pageHost?: string): string {
  const known = endpoints.find((endpoint) => endpoint.protocol === protocol);
  return reachable(known?.address ?? (protocol === 'otlp-grpc' ? ':4317' : ':4318'), pageHost);
}
