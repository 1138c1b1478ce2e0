import { OverlayError } from '@overlay/core';
import type { Finding, Host } from '@overlay/core';
import type { DataPath } from './data-path.js';
import type { DataPathChoice } from './options.js';
import type { PathSource } from './paths.js';

/** A data path that works here, or what is wrong with those that may be taken. */
export type PathVerdict =
  | { readonly path: DataPath; readonly findings: readonly Finding[] }
  | { readonly path?: undefined; readonly findings: readonly Finding[] };

/**
 * The first data path that works on this host, of those that the option allows, in their order. Findings of one that does
 * not work are given as warnings where another one does.
 */
export async function choosePath(
  sources: readonly PathSource[],
  choice: DataPathChoice,
  options: { readonly host?: Host; readonly signal: AbortSignal },
): Promise<PathVerdict> {
  const refused: Finding[] = [];
  for (const source of sources) {
    if (choice !== 'auto' && source.name !== choice) continue;
    const path = await source.load();
    const findings = await path.preflight(options);
    if (findings.every(({ level }) => level !== 'error')) {
      const before = refused.map((finding) => ({ ...finding, level: 'warning' as const }));
      return { path, findings: [...before, ...findings] };
    }
    refused.push(...findings);
  }
  if (refused.length > 0) return { findings: refused };
  const message = `there is no ${choice} path in this release`;
  return {
    findings: [{ level: 'error', check: 'udp-path', message, remedy: 'set DataPath to kernel or auto, or use vxlan' }],
  };
}

/** Why no data path works here, as one error. */
export function noPath(findings: readonly Finding[]): OverlayError {
  const errors = findings.filter(({ level }) => level === 'error');
  const text = errors.map(({ message, remedy }) => `${message}; ${remedy}`).join('; ');
  return new OverlayError('OVERLAY_UDP_PATH', `opening the udp network: ${text}`);
}
