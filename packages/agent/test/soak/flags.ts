import { parseArgs } from 'node:util';

/** What `npm run soak` was asked for. */
export interface SoakFlags {
  readonly backend: string;
  readonly durationMs: number;
  readonly seed: number;
}

export const USAGE = 'usage: npm run soak -- [--minutes 60] [--backend vxlan|host-gw] [--seed 1]';

const BACKENDS = ['vxlan', 'host-gw'];

/** The flags, or the line to print instead of a run: the usage, or which flag was wrong. */
export function soakFlags(args: readonly string[]): SoakFlags | { readonly wrong: string } {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '60' },
        backend: { type: 'string', default: 'vxlan' },
        seed: { type: 'string', default: '1' },
      },
    }));
  } catch (error) {
    return { wrong: `${error instanceof Error ? error.message : String(error)}; ${USAGE}` };
  }
  const minutes = Number(values.minutes);
  if (!(minutes >= 0.5)) return { wrong: `--minutes: expected a number from 0.5 on, got "${values.minutes}"` };
  if (!BACKENDS.includes(values.backend)) {
    return { wrong: `--backend: expected ${BACKENDS.join(' or ')}, got "${values.backend}"` };
  }
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) return { wrong: `--seed: expected an integer, got "${values.seed}"` };
  return { backend: values.backend, durationMs: minutes * 60_000, seed };
}
