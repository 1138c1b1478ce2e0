import type { Clock, Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { ApiClient } from '../api/api-client.js';

export interface NodeEventsOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells of a Node's trouble where `kubectl describe node` shows it. A courtesy: flannel's rights do not permit it. */
export class NodeEvents {
  #last: string | undefined;

  constructor(private readonly options: NodeEventsOptions) {}

  /** Once for each text. Never fails. */
  async warn(
    node: { readonly name: string; readonly uid: string },
    reason: string,
    message: string,
    signal: AbortSignal,
  ): Promise<void> {
    if (message === this.#last) return;
    this.#last = message;
    const { client, clock, logger } = this.options;
    const now = rfc3339(clock.now());
    const content = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: `${node.name}.`, namespace: 'default' },
      involvedObject: { apiVersion: 'v1', kind: 'Node', name: node.name, uid: node.uid },
      ...{ reason, message, type: 'Warning', count: 1, firstTimestamp: now, lastTimestamp: now },
      source: { component: 'overlay', host: node.name },
    };
    const what = `writing an event for Node ${node.name}`;
    try {
      await client.post('/api/v1/namespaces/default/events', { type: 'application/json', content }, { what, signal });
    } catch (error) {
      logger.debug(errorText(error));
    }
  }
}

/** As Kubernetes writes times. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
