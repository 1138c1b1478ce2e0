/** What the agent of this host can be asked over its socket: one line of JSON, answered by one, on each connection. */
export interface ControlRequest {
  readonly do: 'status' | 'apply';
}

/** What became of `apply`. */
export type ApplyOutcome =
  /** The pending configuration has been taken: these are its changes. */
  | { readonly outcome: 'taken'; readonly changes: readonly string[] }
  /** None was pending. */
  | { readonly outcome: 'none' }
  /** It could not be taken; the one before stays. */
  | { readonly outcome: 'refused'; readonly reason: string };

/** The longest request, in bytes. */
export const LONGEST_REQUEST = 1024;

/** A request from its line; undefined if it is none that this version knows. */
export function parseRequest(line: string): ControlRequest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { do: what } = value as { do?: unknown };
  return what === 'status' || what === 'apply' ? { do: what } : undefined;
}
