import type { Finding } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { Sysctl, SysctlOutcome } from './sysctl.js';
import { sysctlCommand } from './sysctl.js';

/** What is lost while a setting is not as it should be. */
export interface Need {
  /** `error` if nothing works without it. */
  readonly level: Finding['level'];
  /** `packets between pods are dropped`. */
  readonly otherwise: string;
}

/**
 * Carries out one wish, and turns what could not be done into a finding, so that one refused setting does not keep the
 * others from being made.
 */
export async function ensure(
  sysctl: Sysctl,
  wish: { readonly key: string; readonly value: number; readonly exactly?: boolean },
  need: Need,
): Promise<readonly Finding[]> {
  const remedy = `run: ${sysctlCommand(wish.key, wish.value)}`;
  const finding = (message: string): Finding => ({ level: need.level, check: 'sysctl', message, remedy });
  try {
    const outcome: SysctlOutcome = wish.exactly
      ? await sysctl.set(wish.key, wish.value)
      : await sysctl.raise(wish.key, wish.value);
    if (outcome.result !== 'left') return [];
    return [finding(`${wish.key} is ${outcome.previous}, but should be ${outcome.value}: otherwise ${need.otherwise}`)];
  } catch (error) {
    return [finding(`${errorText(error)}; otherwise ${need.otherwise}`)];
  }
}
