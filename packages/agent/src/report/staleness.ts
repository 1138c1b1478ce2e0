import type { AgentStatus } from '@overlay/core';

/** The view of the leases is confirmed at least every minute or so; later than this somebody should know. */
const STALE_MS = 5 * 60_000;

/** Why what is known of the leases may be out of date, in one line without a moment; undefined when it is not. */
export function staleness({ remembered, confirmedAt }: Partial<AgentStatus>, now: number): string | undefined {
  if (remembered) return 'the store has not answered since the agent started, which goes on with what it remembers';
  if (confirmedAt !== undefined && now - confirmedAt > STALE_MS) return 'the store does not answer';
  return undefined;
}
