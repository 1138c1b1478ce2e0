import { join } from 'node:path';

/** Where flags say nothing else. */
export const STATE_DIRECTORY = '/var/lib/overlay';

/** What an instance keeps below its state directory; it has to survive a reboot. */
export interface StatePaths {
  /** The folder of the instance, with everything in it. */
  readonly folder: string;
  /** Who this host is. */
  readonly hostId: string;
  /** The configurations in effect. */
  readonly configurations: string;
  /** The protocol numbers of its routes. */
  readonly routeProtocols: string;
  /** What is remembered of the store. */
  readonly leases: string;
}

/** The paths of an instance. */
export function statePaths(stateDirectory: string, instance: string): StatePaths {
  const folder = join(stateDirectory, instance);
  return {
    folder,
    hostId: join(folder, 'host-id'),
    configurations: join(folder, 'configurations.json'),
    routeProtocols: join(folder, 'route-protocols'),
    leases: join(folder, 'leases'),
  };
}
