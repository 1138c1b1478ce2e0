import type { EtcdClient } from '../client/etcd-client.js';
import { isCompacted } from '../client/failure.js';
import type { ResponseHeader } from '../rpc/messages.js';

/** How it shows that a store is not the one, or not in the state, that was followed. */
export type Break =
  | 'its revision went backwards, as after restoring a backup'
  | 'its term went backwards, as after restoring a backup'
  | 'its history is another one, as after restoring a backup'
  | 'it is another cluster than before';

/** How far a store was followed. */
export interface Followed {
  readonly clusterId: bigint;
  /** The highest that was heard of. */
  readonly term: number;
  /** Everything up to this revision is known. */
  readonly revision: number;
}

/** What an answer says that the leader stands behind. A member that lags behind may know less without any harm. */
export function breakShownBy(header: ResponseHeader, { clusterId, term, revision }: Followed): Break | undefined {
  if (header.clusterId !== clusterId) return 'it is another cluster than before';
  if (header.revision < revision) return 'its revision went backwards, as after restoring a backup';
  if (header.term < term) return 'its term went backwards, as after restoring a backup';
  return undefined;
}

/**
 * Asks whether the store still tells what was followed. After a backup was restored, its revision is soon as high as ours:
 * quicker hosts write their leases again, or whoever restored it has raised it. But the key that had changed last cannot
 * have got another revision by then in the same history.
 *
 * @throws OverlayError when etcd cannot be asked
 */
export async function findBreak(
  client: EtcdClient,
  followed: Followed,
  newest: { readonly key: string; readonly modRevision: number } | undefined,
  attempt: Parameters<EtcdClient['range']>[1],
): Promise<Break | undefined> {
  const key = newest?.key ?? '/';
  const { header, kvs } = await client.range({ key }, attempt);
  const shown = breakShownBy(header, followed);
  if (shown !== undefined || newest === undefined) return shown;
  const [now] = kvs;
  const other = 'its history is another one, as after restoring a backup';
  if (now !== undefined && now.modRevision <= followed.revision) {
    return now.modRevision === newest.modRevision ? undefined : other;
  }
  // Changed or removed since: how it was then is known to the same history, and to no other.
  try {
    const then = await client.range({ key, revision: followed.revision }, attempt);
    return then.kvs[0]?.modRevision === newest.modRevision ? undefined : other;
  } catch (error) {
    if (isCompacted(error)) return undefined;
    throw error;
  }
}
