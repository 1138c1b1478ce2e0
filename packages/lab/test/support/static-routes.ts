import { parsePrefix } from '@overlay/core';
import type { Lab, PodNetwork } from '@overlay/lab';

/** What the pods of a host get when no agent says it. */
export function staticPodNetwork(index: number, families: readonly ('ipv4' | 'ipv6')[], mtu: number): PodNetwork {
  const subnets = { ipv4: parsePrefix(`10.244.${index}.0/24`), ipv6: parsePrefix(`fd00:10:244:${index}::/64`) };
  const networks = { ipv4: [parsePrefix('10.244.0.0/16')], ipv6: [parsePrefix('fd00:10:244::/48')] };
  return {
    subnets: Object.fromEntries(families.map((family) => [family, subnets[family]])),
    networks: Object.fromEntries(families.map((family) => [family, networks[family]])),
    mtu,
  };
}

/**
 * Does by hand what an agent is for: a route to each pod subnet. On a flat underlay the hosts know the way themselves,
 * on a routed one the router does.
 */
export async function setStaticRoutes(lab: Lab): Promise<void> {
  const { families, underlay, routerNetns } = lab.topology;
  for (const host of lab.hosts) {
    for (const family of families) {
      const subnet = staticPodNetwork(host.plan.index, families, 0).subnets[family] ?? '';
      const gateway = host.addresses[family] ?? '';
      const route = ['ip', 'route', 'add', subnet, 'via', gateway];
      if (underlay === 'routed') {
        // Namespaces other than a host's own are reached from any of them by name.
        await host.exec(['ip', '-n', routerNetns, ...route.slice(1)]);
        continue;
      }
      for (const other of lab.hosts.filter((each) => each !== host)) await other.exec(route);
    }
  }
}
