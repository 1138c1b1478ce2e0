import type { NetConf, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, prefixContains } from '@overlay/core';
import { NAMES } from '../node/annotations.js';
import type { NodeFacts } from '../node/node-facts.js';
import { podCIDRsOf } from '../node/node-lease.js';

/** What Kubernetes gives a Node for its pods, seen from a configuration. */
export type GivenSubnets =
  | { readonly kind: 'given'; readonly subnets: PerFamily<Prefix> }
  /** Not (all) there yet; what has to happen. */
  | { readonly kind: 'missing'; readonly reason: string }
  /** Something that the configuration rules out. */
  | { readonly kind: 'wrong'; readonly reason: string };

/** @param node undefined when it is not there */
export function givenSubnets(name: string, node: NodeFacts | undefined, netConf: NetConf): GivenSubnets {
  if (node === undefined) {
    return { kind: 'missing', reason: `Node ${name} does not exist; its kubelet has to register it` };
  }
  const subnets = podCIDRsOf(node, netConf);
  for (const family of FAMILIES) {
    const [conf, subnet] = [netConf[family], subnets[family]];
    if (conf !== undefined && subnet !== undefined && !prefixContains(conf.network, subnet)) {
      const reason =
        `the podCIDR ${subnet} of Node ${name} is not in the network ${conf.network}; make ` +
        `${family === 'ipv4' ? 'Network' : 'IPv6Network'} of net-conf.json and --cluster-cidr of kube-controller-manager the same`;
      return { kind: 'wrong', reason };
    }
  }
  const missing = FAMILIES.filter((family) => netConf[family] !== undefined && subnets[family] === undefined);
  if (missing.length === 0) return { kind: 'given', subnets };
  const which = missing.map((family) => NAMES[family]).join(' and no ');
  const networks = FAMILIES.flatMap((family) => netConf[family]?.network ?? []).join(',');
  const reason =
    `node "${name}" pod cidr not assigned: it has no ${which} podCIDR; kube-controller-manager gives it one when started with ` +
    `--allocate-node-cidrs=true --cluster-cidr=${networks}`;
  return { kind: 'missing', reason };
}
