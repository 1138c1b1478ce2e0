import type { Flag } from './flag.js';

// Flags of the usual kinds, on one line each.

export function integer(name: string, fallback: number, [min, max]: readonly [number, number], help: string): Flag {
  return { name, kind: 'integer', fallback: String(fallback), min, max, help };
}

export function choice(name: string, choices: readonly string[], fallback: string, help: string): Flag {
  return { name, kind: 'choice', choices, fallback, help };
}

export function text(name: string, fallback: string, help: string): Flag {
  return { name, kind: 'text', fallback, help };
}
