import type { LinuxOptions } from '@overlay/linux';

/** What the suite decides itself for the Linux layer of a host. */
export type HostLinuxOptions = Pick<LinuxOptions, 'netns' | 'instance' | 'logger' | 'open'>;
