import { prefixContains } from '../address/index.js';
import type { Prefix } from '../address/index.js';
import { endpointIdOf } from '../endpoints.js';
import type { PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { FamilyConf, NetConf } from '../net-conf/index.js';
import { subnetFits } from '../subnet-picker.js';
import type { Plan } from './plan.js';

/**
 * How a host that carries traffic can take another plan. `in-place`: to the peers it is the same network, so the new one
 * is opened where the old one was. `beside`: both are open until every peer has the new one.
 */
export type LiveChange =
  { readonly way: 'in-place' | 'beside'; readonly refused?: undefined } | { readonly refused: string };

/** How a plan can take the place of another one under traffic, or in one line why it cannot. */
export function liveChange(current: Plan, next: Plan, ownSubnets: PerFamily<Prefix>): LiveChange {
  for (const family of FAMILIES) {
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
    const conf = next.netConf[family];
    if ((current.netConf[family] === undefined) !== (conf === undefined)) {
      return { refused: `${name} is switched ${conf === undefined ? 'off' : 'on'}, which takes another lease` };
    }
    const own = ownSubnets[family];
    if (conf === undefined || own === undefined) continue;
    if (!prefixContains(conf.network, own)) {
      return { refused: `the ${name} network ${conf.network} does not contain our subnet ${own}, in which pods live` };
    }
    // A subnet that was given otherwise than by these bounds (a pod CIDR) is not judged by them.
    if (current.netConf[family] && subnetFits(current.netConf[family], own) && !subnetFits(conf, own)) {
      return { refused: `our ${name} subnet ${own}, in which pods live, is not one that the new bounds allow` };
    }
  }
  if (endpointIdOf(current.backend) !== endpointIdOf(next.backend)) {
    const why = next.backend.whyNotBeside?.(current.backend) ?? current.backend.whyNotBeside?.(next.backend);
    return why === undefined ? { way: 'beside' } : { refused: why };
  }
  const { reopensInPlace, supports } = current.backend;
  if (reopensInPlace ?? supports.survivesAgent) return { way: 'in-place' };
  return {
    refused: `backend ${current.backend.type} carries packets in the agent, so opening it again interrupts them`,
  };
}

/**
 * The configuration by which peers are judged while two are in effect: the newer one with the wider networks of both.
 * Both contain this host's subnet, so one of two networks contains the other.
 */
export function widestOf(newer: NetConf, older: NetConf | undefined): NetConf {
  if (older === undefined) return newer;
  const families: { ipv4?: FamilyConf; ipv6?: FamilyConf } = {};
  for (const family of FAMILIES) {
    const conf = newer[family];
    const before = older[family];
    if (conf === undefined) continue;
    const wider = before !== undefined && prefixContains(before.network, conf.network) ? before.network : conf.network;
    families[family] = { ...conf, network: wider };
  }
  return { ...newer, ...families };
}
