import { OverlayError } from '@overlay/core';
import type { ApiClient, Asking } from '../api/api-client.js';
import { statusOf } from '../api/failure.js';
import type { Enveloped } from '../protobuf/envelope.js';
import { readNode } from '../protobuf/node.js';
import type { AnnotationNames } from './annotation-names.js';
import type { NodeFacts } from './node-facts.js';

/** One condition of a Node, as it is written. */
export interface WrittenCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  /** RFC 3339, in seconds. */
  readonly lastHeartbeatTime: string;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** Reads and writes one Node. Rights on `nodes` and `nodes/status` suffice. */
export class NodeApi {
  constructor(
    readonly client: ApiClient,
    readonly names: AnnotationNames,
  ) {}

  /** @throws ApiFailure @returns undefined when there is no such Node */
  async get(name: string, asking: Asking): Promise<NodeFacts | undefined> {
    try {
      return this.#read(name, await this.client.get(`/api/v1/nodes/${name}`, asking));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Writes these annotations, by suffix, and no others; null removes one. */
  annotate(name: string, annotations: ReadonlyMap<string, string | null>, asking: Asking): Promise<NodeFacts> {
    // In the order in which Go writes the members of a map.
    const named = [...annotations].map(([suffix, value]) => [this.names.name(suffix), value] as const);
    named.sort(([a], [b]) => (a < b ? -1 : 1));
    return this.#patch(name, { metadata: { annotations: Object.fromEntries(named) } }, asking);
  }

  /** Writes one condition and leaves the others. */
  setCondition(name: string, condition: WrittenCondition, asking: Asking): Promise<NodeFacts> {
    return this.#patch(name, { status: { conditions: [condition] } }, asking);
  }

  async #patch(name: string, content: unknown, asking: Asking): Promise<NodeFacts> {
    const body = { type: 'application/strategic-merge-patch+json', content } as const;
    return this.#read(name, await this.client.patch(`/api/v1/nodes/${name}/status`, body, asking));
  }

  #read(own: string, { kind, message }: Enveloped): NodeFacts {
    if (kind !== 'Node') {
      throw new OverlayError(
        'OVERLAY_STORE_UNAVAILABLE',
        `Node ${own}: the API server answers with a ${kind || 'nothing'}`,
      );
    }
    return readNode(message, { start: this.names.start, own: () => own });
  }
}
