import type { JsonValue } from '../json.js';
import { invalidKey } from './invalid.js';
import type { JsonNode } from './json-text.js';
import { jsonValue, quotedNode } from './json-text.js';
import { foldKey } from './keys.js';
import type { BackendConf } from './net-conf.js';

/** The form of a backend's name. Which names there are, only the agent knows. */
const TYPE = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;

const EXPECTED_TYPE = 'the name of a backend such as "vxlan"';

/**
 * Reads the member `Backend`; pushes to `warnings`.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`.
 */
export function backendConf(node: JsonNode | undefined, source: string, warnings: string[]): BackendConf {
  if (node === undefined) {
    const remedy = 'write "Backend": {"Type": "vxlan"} to have it everywhere';
    warnings.push(`${source}: Backend: absent, taking vxlan; flanneld's code would take udp: ${remedy}`);
    return { type: 'vxlan', options: {} };
  }
  if (node.kind !== 'object') {
    throw invalidKey(source, 'Backend', 'an object such as {"Type": "vxlan"}', shownBackend(node));
  }
  let type: string | undefined;
  const options = new Map<string, { readonly name: string; readonly value: JsonValue }>();
  for (const { name, value } of node.members) {
    const folded = foldKey(name);
    if (folded !== 'type') {
      // To Go, a null leaves a value as it is, so it does not take back an earlier one.
      if (value.kind === 'null' && options.has(folded)) continue;
      options.set(folded, { name, value: jsonValue(value) });
    } else if (value.kind === 'string') {
      type = value.value;
    } else if (value.kind !== 'null') {
      throw invalidKey(source, 'Backend.Type', EXPECTED_TYPE, quotedNode(value));
    }
  }
  if (type === undefined) throw invalidKey(source, 'Backend.Type', EXPECTED_TYPE, 'nothing');
  if (!TYPE.test(type.toLowerCase())) {
    throw invalidKey(source, 'Backend.Type', EXPECTED_TYPE, quotedNode({ kind: 'string', value: type }));
  }
  return {
    type: type.toLowerCase(),
    options: Object.fromEntries([...options.values()].map(({ name, value }) => [name, value])),
  };
}

/** A text or list in place of the object may hold the object itself, with its secrets. */
function shownBackend(node: JsonNode): string {
  if (node.kind === 'array') return 'an array';
  if (node.kind === 'string' && !TYPE.test(node.value.toLowerCase())) return 'a string';
  return quotedNode(node);
}
