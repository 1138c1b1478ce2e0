import { readFileSync } from 'node:fs';
import type { Family, NetConf } from '@overlay/core';
import { errorText, FAMILIES, OverlayError, parseNetConf } from '@overlay/core';
import type { FamilyChoice, LabRunArguments } from './arguments.js';

/** The network that a lab's agents are configured with. */
export interface NetworkChoice {
  /** The net-conf.json, as the agents get it. */
  readonly text: string;
  readonly netConf: NetConf;
  readonly backend: string;
  readonly family: FamilyChoice;
  readonly families: readonly Family[];
}

const FAMILY_SETS: Readonly<Record<FamilyChoice, readonly Family[]>> = {
  ipv4: ['ipv4'],
  ipv6: ['ipv6'],
  dual: ['ipv4', 'ipv6'],
};

/** The net-conf.json of a lab that was given none. */
export function generatedNetConf(backend: string, family: FamilyChoice): string {
  const families = FAMILY_SETS[family];
  const conf = {
    ...(families.includes('ipv4') ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
    ...(families.includes('ipv6') ? { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' } : {}),
    Backend: { Type: backend },
  };
  return `${JSON.stringify(conf, null, 2)}\n`;
}

function usage(message: string): OverlayError {
  return new OverlayError('OVERLAY_LAB_USAGE', `overlay lab: ${message}`);
}

/**
 * The network that a command line asks for.
 *
 * @throws OverlayError `OVERLAY_LAB_USAGE` when the file cannot be read, or a flag says something else than it does;
 * `OVERLAY_CONFIG_INVALID` when it is wrong.
 */
export function chooseNetwork(args: Pick<LabRunArguments, 'backend' | 'family' | 'netConf'>): NetworkChoice {
  let text: string;
  if (args.netConf === undefined) {
    text = generatedNetConf(args.backend ?? 'vxlan', args.family ?? 'ipv4');
  } else {
    try {
      text = readFileSync(args.netConf, 'utf8');
    } catch (error) {
      throw usage(`--net-conf: ${errorText(error)}`);
    }
  }
  const netConf = parseNetConf(text, { source: args.netConf ?? 'net-conf.json' });
  const families = FAMILIES.filter((family) => netConf[family] !== undefined);
  const family = families.length === 2 ? 'dual' : families[0];
  const backend = netConf.backend.type;
  if (args.backend !== undefined && args.backend !== backend) {
    throw usage(`--backend ${args.backend}: ${args.netConf} says ${backend}; leave one of the two out`);
  }
  if (args.family !== undefined && args.family !== family) {
    throw usage(`--family ${args.family}: ${args.netConf} says ${family}; leave one of the two out`);
  }
  return { text, netConf, backend, family, families };
}
