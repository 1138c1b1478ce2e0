import { OverlayError } from '@overlay/core';
import type { ApiClient } from '../api/api-client.js';
import type { OwnNode } from '../options.js';
import { readPodNode } from '../protobuf/envelope.js';

/** The name of the Node that this host is. */
export class OwnName {
  #name: string | undefined;
  #finding: Promise<string> | undefined;

  constructor(
    private readonly node: OwnNode,
    private readonly client: ApiClient,
  ) {
    if ('name' in node) this.#name = node.name;
  }

  /** Undefined before it was found. */
  get value(): string | undefined {
    return this.#name;
  }

  /**
   * The name; asked for when only a pod is known, and then remembered.
   *
   * @throws OverlayError `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED`, `OVERLAY_ABORTED`
   */
  async find(signal: AbortSignal): Promise<string> {
    if (this.#name !== undefined) return this.#name;
    this.#finding ??= this.#ask(signal).finally(() => (this.#finding = undefined));
    return (this.#name ??= await this.#finding);
  }

  async #ask(signal: AbortSignal): Promise<string> {
    if ('name' in this.node) return this.node.name;
    const { namespace, pod } = this.node;
    const what = `looking for the Node of pod ${namespace}/${pod}`;
    const { message } = await this.client.get(`/api/v1/namespaces/${namespace}/pods/${pod}`, { what, signal });
    const name = readPodNode(message);
    if (name === '') throw new OverlayError('OVERLAY_STORE_UNAVAILABLE', `${what}: it is not bound to a Node yet`);
    return name;
  }
}
