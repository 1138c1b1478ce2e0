import { type MessageReader } from '@overlay/core/protobuf';
import type { NodeCondition, NodeFacts } from '../node/node-facts.js';

/*
 * Numbers of fields are those of k8s.io/api/core/v1 and k8s.io/apimachinery/pkg/apis/meta/v1, in the generated.proto of
 * Kubernetes 1.36. Kubernetes never changes them.
 */

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const NETWORK_UNAVAILABLE = 'NetworkUnavailable';

export interface ReadNodeOptions {
  /** What the names of our annotations begin with. */
  readonly start: string;
  /** The Node of which the condition is wanted too. */
  readonly own: () => string | undefined;
}

/** Reads a v1.Node. @throws Error when the bytes are none */
export function readNode(message: MessageReader, { start, own }: ReadNodeOptions): NodeFacts {
  const annotations = new Map<string, string>();
  let [name, uid, resourceVersion, podCIDR] = ['', '', '', ''];
  let endsInitialEvents = false;
  const podCIDRs: string[] = [];
  let networkUnavailable: NodeCondition | undefined;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) {
      const metadata = message.message();
      for (let part = metadata.next(); part !== 0; part = metadata.next()) {
        if (part === 1) name = metadata.text();
        else if (part === 5) uid = metadata.text();
        else if (part === 6) resourceVersion = metadata.text();
        else if (part === 12)
          endsInitialEvents = readAnnotation(metadata.message(), start, annotations) || endsInitialEvents;
      }
    } else if (field === 2) {
      const spec = message.message();
      for (let part = spec.next(); part !== 0; part = spec.next()) {
        if (part === 1) podCIDR = spec.text();
        else if (part === 7) podCIDRs.push(spec.text());
      }
    } else if (field === 3 && name === own()) {
      networkUnavailable = readNetworkUnavailable(message.message());
    }
  }
  return {
    ...{ name, uid, resourceVersion, annotations },
    podCIDRs: podCIDRs.length === 0 && podCIDR !== '' ? [podCIDR] : podCIDRs,
    ...(networkUnavailable && { networkUnavailable }),
    ...(endsInitialEvents && { endsInitialEvents }),
  };
}

/** Keeps an annotation if it is ours. Whether it is the one that ends initial events. */
function readAnnotation(entry: MessageReader, start: string, into: Map<string, string>): boolean {
  let [key, value] = ['', ''];
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) {
      key = entry.text();
      // The name comes before the value, which may be long.
      if (!key.startsWith(start)) return key === INITIAL_EVENTS_END;
    } else if (field === 2) {
      value = entry.text();
    }
  }
  into.set(key.slice(start.length), value);
  return false;
}

function readNetworkUnavailable(status: MessageReader): NodeCondition | undefined {
  for (let field = status.next(); field !== 0; field = status.next()) {
    if (field !== 4) continue;
    const condition = status.message();
    let [type, value, reason] = ['', '', ''];
    for (let part = condition.next(); part !== 0; part = condition.next()) {
      if (part === 1) type = condition.text();
      else if (part === 2) value = condition.text();
      else if (part === 5) reason = condition.text();
    }
    if (type === NETWORK_UNAVAILABLE) return { status: value, reason };
  }
  return undefined;
}
