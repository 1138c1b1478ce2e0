import type { JsonValue } from '../json.js';
import { quoted } from '../quoted.js';

/*
 * A reader of JSON (RFC 8259) of its own, because JSON.parse loses what matters for a configuration that people write
 * and flanneld reads too: the order of members that differ only in case, how a number was written, and where an error
 * is. The texts are small; speed is no aim.
 */

/** A JSON value as it was written. */
export type JsonNode =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | JsonObjectNode;

/** An object with all its members in the order of the text, duplicates included. */
export interface JsonObjectNode {
  readonly kind: 'object';
  readonly members: readonly JsonMember[];
}

export interface JsonMember {
  readonly name: string;
  readonly value: JsonNode;
}

/** Where and why a text is not JSON. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  constructor(
    /** From 1. */
    readonly line: number,
    /** From 1, in UTF-16 units. */
    readonly column: number,
    /** The member being read: `Backend.VNI`. Empty at the top. */
    readonly path: string,
    /** `expected …, got …`, with a remedy where one is known. */
    readonly problem: string,
  ) {
    super(problem);
  }
}

/** Deeper than any configuration, and far from what would exhaust the stack. */
const DEEPEST = 100;

/**
 * Reads one JSON value and nothing after it.
 *
 * @throws JsonSyntaxError
 */
export function readJson(text: string): JsonNode {
  return new Reader(text).document();
}

/** The plain value of a node. Of duplicate members the last one counts, as for JSON.parse. */
export function jsonValue(node: JsonNode): JsonValue {
  switch (node.kind) {
    case 'null':
      return null;
    case 'array':
      return node.items.map(jsonValue);
    case 'object':
      // fromEntries makes a member `__proto__` an ordinary one.
      return Object.fromEntries(node.members.map(({ name, value }) => [name, jsonValue(value)]));
    default:
      return node.value;
  }
}

/** A node as messages show it: a number as it was written, anything else as JSON. */
export function quotedNode(node: JsonNode | undefined): string {
  if (node === undefined) return 'nothing';
  if (node.kind === 'number') return node.text.length <= 80 ? node.text : `${node.text.slice(0, 79)}…`;
  return quoted(jsonValue(node));
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORDS: ReadonlyMap<string, JsonNode> = new Map<string, JsonNode>([
  ['true', { kind: 'boolean', value: true }],
  ['false', { kind: 'boolean', value: false }],
  ['null', { kind: 'null' }],
]);

class Reader {
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const node = this.#value('a JSON object');
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('the end of the text after the configuration');
    return node;
  }

  #value(expected: string): JsonNode {
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === '{') return this.#object();
    if (char === '[') return this.#array();
    if (char === '"') return { kind: 'string', value: this.#string() };
    if (char !== undefined && /[-0-9]/.test(char)) return this.#number();
    for (const [word, node] of WORDS) {
      if (this.#text.startsWith(word, this.#at) && !/^\w/.test(this.#text.slice(this.#at + word.length))) {
        this.#at += word.length;
        return node;
      }
    }
    return this.#fail(expected);
  }

  #object(): JsonObjectNode {
    const members: JsonMember[] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#take('}')) return { kind: 'object', members };
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#fail('a key in double quotes');
      const name = this.#string();
      this.#enter(name);
      this.#skipSpace();
      if (!this.#take(':')) this.#fail('":" after the key');
      members.push({ name, value: this.#value('a value') });
      this.#skipSpace();
      if (this.#text[this.#at] !== ',' && this.#text[this.#at] !== '}') this.#fail('"," or "}" after the value');
      this.#path.pop();
      if (this.#take('}')) return { kind: 'object', members };
      this.#at++;
    }
  }

  #array(): JsonNode {
    const items: JsonNode[] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#take(']')) return { kind: 'array', items };
    for (;;) {
      this.#enter(items.length);
      items.push(this.#value('a value'));
      this.#skipSpace();
      if (this.#text[this.#at] !== ',' && this.#text[this.#at] !== ']') this.#fail('"," or "]" after the value');
      this.#path.pop();
      if (this.#take(']')) return { kind: 'array', items };
      this.#at++;
    }
  }

  #string(): string {
    const start = this.#at;
    for (this.#at++; ; this.#at++) {
      const char = this.#text[this.#at];
      if (char === '"') break;
      if (char === undefined) this.#fail('a double quote that ends the string');
      if (char < ' ') this.#fail('a double quote that ends the string, or an escape such as \\n');
      if (char !== '\\') continue;
      this.#at++;
      if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(this.#text.slice(this.#at, this.#at + 5))) {
        this.#fail('one of "\\/bfnrt or u and four hexadecimal digits after a backslash');
      }
    }
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #number(): JsonNode {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) {
      this.#at++;
      return this.#fail('a digit after "-"');
    }
    const value = Number(text);
    if (!Number.isFinite(value)) this.#fail('a number that a 64-bit float can hold');
    this.#at += text.length;
    if (/[0-9.\w]/.test(this.#text[this.#at] ?? '')) this.#fail('the end of the number, as JSON writes numbers');
    return { kind: 'number', value, text };
  }

  #enter(step: string | number): void {
    this.#path.push(step);
    if (this.#path.length > DEEPEST) this.#fail(`at most ${DEEPEST} levels of nesting`);
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (/^[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #fail(expected: string): never {
    const before = this.#text.slice(0, this.#at);
    const lines = before.split('\n');
    // One character only: what follows may be a secret.
    const char = this.#text[this.#at];
    const got = char === undefined ? 'the end of the text' : quoted(char);
    throw new JsonSyntaxError(
      lines.length,
      (lines.at(-1) as string).length + 1,
      this.#path.slice(0, 10).reduce<string>((path, step) => {
        if (typeof step === 'number') return `${path}[${step}]`;
        const name = /^[\w$-]{1,40}$/.test(step) ? step : quoted(step);
        return path === '' ? name : `${path}.${name}`;
      }, ''),
      `expected ${expected}, got ${got}${remedy(char, before)}`,
    );
  }
}

function remedy(char: string | undefined, before: string): string {
  if (char === '\ufeff') return ': remove the byte order mark';
  if (char === "'" || char === '“' || char === '”') return ': use double quotes';
  if (char === '/' || char === '#') return ': JSON has no comments';
  if ((char === '}' || char === ']') && /,\s*$/.test(before)) return ': remove the comma before it';
  return '';
}
