import type { Logger } from '@overlay/core';
import type { LinkTable } from '../kernel/link-table.js';
import type { Kind, KernelObject, Outcome } from '../reconciler/kind.js';
import { prepareDevice } from '../sysctl/device.js';
import type { Sysctl } from '../sysctl/sysctl.js';
import type { DeviceSettingsObject } from './objects.js';
import { followLinks, linkMissing } from './on-link.js';

/** What the kind of device settings works with. */
export interface DeviceSettingsContext {
  readonly links: LinkTable;
  readonly sysctl: Sysctl;
  /** The same namespace's settings, only to look at. */
  readonly readOnly: Sysctl;
  readonly logger: Logger;
}

/** The sysctls of our devices. A new device has the defaults, so they are set again each time it appears. */
export function deviceSettingsKind(context: DeviceSettingsContext): Kind<DeviceSettingsObject> {
  const { links, sysctl, readOnly, logger } = context;
  /** Devices whose settings could not be made sufficient, which has been said. */
  const givenUp = new Set<string>();
  return {
    name: 'device-settings',
    rank: 1,
    key: ({ link }) => link,
    link: ({ link }) => link,
    same: () => true,
    satisfies: (actual) => actual.sufficient === true,
    async dump({ wanted }, each) {
      for (const object of wanted()) {
        if (!isDeviceSettings(object) || !links.byName(object.link)) continue;
        const insufficient = await prepareDevice(readOnly, object.link);
        each({ ...object, sufficient: insufficient.length === 0 || givenUp.has(object.link) });
      }
    },
    async put(wanted) {
      const outcomes: Outcome[] = [];
      for (const { link } of wanted) {
        if (!links.byName(link)) {
          outcomes.push(linkMissing(link));
          continue;
        }
        const left = await prepareDevice(sysctl, link);
        for (const { message, remedy } of givenUp.has(link) ? [] : left) logger.warn(`${message}; ${remedy}`);
        if (left.length > 0) givenUp.add(link);
        else givenUp.delete(link);
        outcomes.push(undefined);
      }
      return outcomes;
    },
    // They go with the device, and mean nothing without it.
    remove: (objects) => Promise.resolve(objects.map(() => undefined)),
    watch: (sink) => followLinks(links, sink),
  };
}

function isDeviceSettings(object: KernelObject): object is DeviceSettingsObject {
  return object.kind === 'device-settings';
}
