import type { Family } from '../address/index.js';
import { tryParseAddress, tryParsePrefix } from '../address/index.js';
import { hasHostBits } from '../address/prefix.js';
import { OverlayError } from '../errors.js';
import { backendConf } from './backend.js';
import type { FamilyValues } from './family.js';
import { completeFamily, FAMILY_KEYS } from './family.js';
import { DEFAULT_SOURCE, invalidKey } from './invalid.js';
import type { JsonNode, JsonObjectNode } from './json-text.js';
import { JsonSyntaxError, quotedNode, readJson } from './json-text.js';
import { foldKey, nearestKey, shownKey } from './keys.js';
import type { NetConf } from './net-conf.js';

/** How to read a configuration. */
export interface ParseNetConfOptions {
  /** What the text is called in messages, a file's name or a key of a store. `net-conf.json` by default. */
  readonly source?: string;
}

/**
 * Reads flannel's net-conf.json, as strictly as flanneld in etcd mode and in some points more.
 *
 * Keys match in any case and the last of equal ones counts; unknown ones are ignored and named in `warnings`. Host bits
 * of networks are cleared. An absent `Backend` means vxlan, with a warning, because flanneld's code would take udp.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` with the `key` that is wrong (absent when the text as a whole is). The
 *   message is one line: source, key, what was expected, what came. Syntax errors name line and column.
 */
export function parseNetConf(text: string, options: ParseNetConfOptions = {}): NetConf {
  const source = options.source ?? DEFAULT_SOURCE;
  const document = new Document(source);
  for (const { name, value } of rootObject(text, source).members) document.take(name, value);
  return document.complete();
}

function rootObject(text: string, source: string): JsonObjectNode {
  let root: JsonNode;
  try {
    root = readJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const where = `line ${error.line}, column ${error.column}${error.path === '' ? '' : `, in ${error.path}`}`;
    throw new OverlayError('OVERLAY_CONFIG_INVALID', `${source}: ${where}: ${error.problem}`, {
      cause: error,
      key: error.path === '' ? undefined : error.path,
    });
  }
  if (root.kind === 'object') return root;
  throw new OverlayError(
    'OVERLAY_CONFIG_INVALID',
    `${source}: expected an object such as {"Network": "10.244.0.0/16"}, got ${quotedNode(root)}`,
  );
}

/** Members of `Backend` that people put beside it. */
const BELONGS_INTO_BACKEND = ['Type', 'VNI', 'Port', 'MTU', 'GBP', 'Learning', 'DirectRouting', 'ListenPort', 'PSK'];

/** Takes the members in their order, as Go's decoder does, so that each of two equal keys must be right. */
class Document {
  readonly #source: string;
  readonly #values: Record<Family, FamilyValues> = {
    ipv4: { enabled: true, subnetLen: 0 },
    ipv6: { enabled: false, subnetLen: 0 },
  };
  readonly #readers = new Map<string, { readonly key: string; readonly read: (node: JsonNode) => void }>();
  readonly #warnings: string[] = [];
  #enableNFTables = false;
  #backend: JsonNode | undefined;

  constructor(source: string) {
    this.#source = source;
    for (const family of ['ipv4', 'ipv6'] as const) this.#addFamily(family);
    this.#add('EnableNFTables', (node) => (this.#enableNFTables = this.#boolean('EnableNFTables', node, false)));
    this.#add('Backend', (node) => (this.#backend = node));
    // An editor's hint where to find the schema, not a setting.
    this.#add('$schema', () => undefined);
  }

  take(name: string, node: JsonNode): void {
    const reader = this.#readers.get(foldKey(name));
    if (reader !== undefined) reader.read(node);
    else this.#warnUnknown(name);
  }

  complete(): NetConf {
    const { ipv4, ipv6 } = this.#values;
    if (!ipv4.enabled && !ipv6.enabled) {
      throw invalidKey(this.#source, 'EnableIPv4', 'EnableIPv4 or EnableIPv6 to be true', 'false for both');
    }
    for (const family of ['ipv4', 'ipv6'] as const) this.#warnUnused(family);
    return {
      ...(ipv4.enabled && { ipv4: completeFamily('ipv4', ipv4, this.#source) }),
      ...(ipv6.enabled && { ipv6: completeFamily('ipv6', ipv6, this.#source) }),
      enableNFTables: this.#enableNFTables,
      backend: backendConf(this.#backend, this.#source, this.#warnings),
      warnings: this.#warnings,
    };
  }

  #add(key: string, read: (node: JsonNode) => void): void {
    this.#readers.set(foldKey(key), { key, read });
  }

  #addFamily(family: Family): void {
    const values = this.#values[family];
    const keys = FAMILY_KEYS[family];
    this.#add(keys.enable, (node) => (values.enabled = this.#boolean(keys.enable, node, values.enabled)));
    this.#add(keys.network, (node) => {
      const prefix = node.kind === 'string' ? tryParsePrefix(node.value, family) : undefined;
      if (prefix === undefined) {
        const expected =
          family === 'ipv4' ? 'an IPv4 prefix such as "10.244.0.0/16"' : 'an IPv6 prefix such as "fd00:42::/56"';
        throw invalidKey(this.#source, keys.network, expected, quotedNode(node));
      }
      if (node.kind === 'string' && hasHostBits(node.value, prefix)) {
        this.#warn(keys.network, `host bits ignored: ${node.value} is taken as ${prefix}`);
      }
      values.network = prefix;
    });
    this.#add(keys.subnetLen, (node) => (values.subnetLen = this.#length(keys.subnetLen, node, values.subnetLen)));
    for (const bound of ['subnetMin', 'subnetMax'] as const) {
      this.#add(keys[bound], (node) => {
        const address = node.kind === 'string' ? tryParseAddress(node.value, family) : undefined;
        if (address === undefined) {
          const expected =
            family === 'ipv4' ? 'an IPv4 address such as "10.244.1.0"' : 'an IPv6 address such as "fd00:42:0:1::"';
          throw invalidKey(this.#source, keys[bound], expected, quotedNode(node));
        }
        values[bound] = address;
      });
    }
  }

  #boolean(key: string, node: JsonNode, otherwise: boolean): boolean {
    if (node.kind === 'null') return otherwise;
    if (node.kind === 'boolean') return node.value;
    const quotes = node.kind === 'string' && /^(?:true|false)$/i.test(node.value) ? ' without quotes' : '';
    throw invalidKey(this.#source, key, `true or false${quotes}`, quotedNode(node));
  }

  #length(key: string, node: JsonNode, otherwise: number): number {
    if (node.kind === 'null') return otherwise;
    // Go reads 24.0 and 2.4e1 into no integer either.
    if (node.kind === 'number' && /^[0-9]+$/.test(node.text)) {
      if (Number.isSafeInteger(node.value)) return node.value;
      throw invalidKey(this.#source, key, 'a prefix length', quotedNode(node));
    }
    const quotes = node.kind === 'string' && /^[0-9]+$/.test(node.value) ? ' without quotes' : '';
    throw invalidKey(this.#source, key, `an integer of at least 0${quotes}`, quotedNode(node));
  }

  #warnUnknown(name: string): void {
    const known = [...this.#readers.values()].map(({ key }) => key);
    const inner = BELONGS_INTO_BACKEND.find((option) => foldKey(option) === foldKey(name));
    const meant = inner === undefined ? nearestKey(name, known) : `Backend.${inner}`;
    this.#warn(shownKey(name), `unknown key, ignored${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }

  #warnUnused(family: Family): void {
    const values = this.#values[family];
    const keys = FAMILY_KEYS[family];
    if (values.enabled) return;
    const used = (['network', 'subnetLen', 'subnetMin', 'subnetMax'] as const).filter((member) => values[member]);
    for (const member of used) this.#warn(keys[member], `has no effect, because ${keys.enable} is false`);
  }

  #warn(key: string, text: string): void {
    this.#warnings.push(`${this.#source}: ${key}: ${text}`);
  }
}
