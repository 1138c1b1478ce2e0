import { deleteClsact, deleteFilter, deleteLink, deleteRoute } from '@overlay/linux/netlink';
import {
  describeAddress,
  describeDevice,
  describeFdb,
  describeNeighbour,
  describeProgram,
  describeRoute,
} from './describe.js';
import type { OwnDevice, OwnObjects } from './own-objects.js';
import type { OwnProgram } from './own-programs.js';
import type { Step } from './steps.js';

type Names = ReadonlyMap<number, string>;

/** The steps that take everything of an agent out of the kernel: routes first, devices last. */
export function removalSteps({ routes, programs, devices, names }: OwnObjects): readonly Step[] {
  const steps: Step[] = routes.map((route) => {
    const { destination, metric, protocol, gateway, outIndex } = route;
    const match = { destination, metric, protocol, ...(gateway && { gateway }), ...(outIndex && { outIndex }) };
    return {
      item: { kind: 'route', text: describeRoute(route, names) },
      requests: [{ message: deleteRoute(match), tolerates: ['ESRCH', 'ENODEV'] }],
    };
  });
  const own = new Set(devices.map(({ link }) => link.index));
  for (const program of programs) steps.push(programStep(program, own, names));
  for (const device of devices) steps.push(...deviceSteps(device, names));
  return steps;
}

function programStep({ attachment, withQdisc }: OwnProgram, own: ReadonlySet<number>, names: Names): Step {
  const item = { kind: 'program', text: describeProgram(attachment, names) } as const;
  if (own.has(attachment.index)) return { item, requests: [] };
  const tolerates = ['ENOENT', 'ENODEV', 'EINVAL'];
  const filter = { message: deleteFilter(attachment), tolerates };
  return { item, requests: withQdisc ? [filter, { message: deleteClsact(attachment.index), tolerates }] : [filter] };
}

/** The kernel takes away with a device what is on it. */
function deviceSteps(device: OwnDevice, names: Names): readonly Step[] {
  const { link, addresses, neighbours, fdb, otherRoutes } = device;
  const { name, index } = link;
  const along = (kind: Step['item']['kind'], text: string): Step => ({ item: { kind, text }, requests: [] });
  return [
    ...otherRoutes.map((route) => along('route', describeRoute(route, names))),
    ...fdb.map((entry) => along('fdb', describeFdb(entry, name))),
    ...neighbours.map((neighbour) => along('neighbour', describeNeighbour(neighbour, name))),
    ...addresses.map((address) => along('address', describeAddress(address, name))),
    {
      item: { kind: 'device', text: describeDevice(link) },
      requests: [{ message: deleteLink(index), tolerates: ['ENODEV'] }],
    },
  ];
}
