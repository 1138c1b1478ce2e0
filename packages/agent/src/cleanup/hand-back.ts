import { PROTOCOL_BOOT } from '@overlay/linux';
import type { Route } from '@overlay/linux/netlink';
import { deleteRoute, newRoute, setLink } from '@overlay/linux/netlink';
import { describeDevice, describeRoute } from './describe.js';
import type { OwnObjects } from './own-objects.js';
import { removalSteps } from './removal.js';
import type { Step } from './steps.js';

/** The metric that a route gets from flanneld, which asks for none: IPv6 reads that as 1024 (IP6_RT_PRIO_USER). */
const FLANNEL_METRIC = { ipv4: 0, ipv6: 1024 } as const;

/**
 * The steps that leave to flanneld what it takes for its own: routes with its protocol number and metric, of the same
 * way; then devices without our alias. What is of no use to it is removed. Addresses, neighbours and FDB entries are of its shape as they are.
 *
 * Where the metric is another one, its route is added before ours is removed; where it is the same the kernel replaces
 * ours in place. A packet finds a route at any time.
 */
export function handBackSteps(found: OwnObjects): readonly Step[] {
  const { names } = found;
  // Flanneld's udp makes a device of its own, and can do nothing with a pair and its programs.
  const pairs = found.devices.filter(({ link }) => link.kind === 'veth');
  const onPair = new Set(pairs.map(({ link }) => link.index));
  const ofPair = ({ outIndex }: Route): boolean => outIndex !== undefined && onPair.has(outIndex);
  const removed = { ...found, devices: pairs, routes: found.routes.filter(ofPair) };
  const devices = found.devices.filter((device) => !pairs.includes(device));
  return [
    ...removalSteps(removed),
    ...found.routes.filter((route) => !ofPair(route)).map((route) => routeStep(route, names)),
    ...devices.map(({ link }): Step => ({
      item: { kind: 'device', text: `${describeDevice(link)} loses the alias` },
      requests: [{ message: setLink(link.index, { alias: '' }), tolerates: [] }],
    })),
  ];
}

function routeStep(route: Route, names: ReadonlyMap<number, string>): Step {
  const { family, destination, gateway, outIndex, onlink, metric, protocol } = route;
  const way = { destination, onlink, ...(gateway && { gateway }), ...(outIndex && { outIndex }) };
  const theirs = { ...way, metric: FLANNEL_METRIC[family], protocol: PROTOCOL_BOOT };
  const becomes = describeRoute({ ...route, ...theirs }, names).replace(/^route \S+ /, '');
  const item = { kind: 'route', text: `${describeRoute(route, names)} becomes ${becomes}` } as const;
  if (metric === theirs.metric) {
    return { item, requests: [{ message: newRoute(theirs, 'upsert'), tolerates: [] }] };
  }
  return {
    item,
    requests: [
      // One that is there already takes the traffic as it is, whoever made it; flanneld mends it as it does at any start.
      { message: newRoute(theirs, 'create'), tolerates: ['EEXIST'] },
      { message: deleteRoute({ ...way, onlink: false, metric, protocol }), tolerates: ['ESRCH'] },
    ],
  };
}
