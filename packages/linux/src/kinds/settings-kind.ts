import { errorText, OverlayError } from '@overlay/core';
import type { Finding, Logger } from '@overlay/core';
import type { KernelEvents } from '../kernel/events.js';
import type { LinkTable } from '../kernel/link-table.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { MessageType } from '../netlink/protocol.js';
import { decodeNetworkSettings } from '../netlink/rtnetlink/network-settings.js';
import type { Kind, KindSink, Outcome } from '../reconciler/kind.js';
import { prepareDevice } from '../sysctl/device.js';
import type { Sysctl } from '../sysctl/sysctl.js';
import type { DeviceSettingsObject, HostSettingsObject } from './objects.js';
import { followLinks, linkMissing } from './on-link.js';

/** What the kinds of settings work with. */
export interface SettingsContext {
  readonly links: LinkTable;
  readonly sysctl: Sysctl;
  /** The same namespace's settings, only to look at. */
  readonly readOnly: Sysctl;
  readonly logger: Logger;
}

/** How one sort of setting is made sufficient. It gives what is not, and could not be made so. */
type Prepare<D> = (sysctl: Sysctl, object: D) => Promise<readonly Finding[]>;

/** The sysctls of our devices. A new device has the defaults, so they are set again each time it appears. */
export function deviceSettingsKind(context: SettingsContext): Kind<DeviceSettingsObject> {
  return settingsKind(
    context,
    'device-settings',
    ({ link }) => link,
    (sysctl, { link }) => prepareDevice(sysctl, link),
  );
}

/**
 * The sysctls of the host: that it forwards packets between its pods and the underlay. The kernel tells when somebody
 * switches forwarding off.
 */
export function hostSettingsKind(
  context: SettingsContext,
  events: KernelEvents,
  prepare: Prepare<HostSettingsObject>,
): Kind<HostSettingsObject> {
  const kind = settingsKind<HostSettingsObject>(context, 'host-settings', ({ family }) => family, prepare);
  const heard = (message: NetlinkMessage, sink: KindSink<HostSettingsObject>): void => {
    if (message.type !== MessageType.newNetworkSettings) return;
    const told = decodeNetworkSettings(message);
    // That it is on does not say that all is well: of IPv6 more than this is wanted.
    if (told?.index !== 'all' || told.forwarding !== false) return;
    sink.changed({ kind: 'host-settings', family: told.family, sufficient: false });
  };
  return {
    ...kind,
    watch(sink) {
      const stops = [
        kind.watch?.(sink),
        events.listen({ message: (message) => heard(message, sink), lost: () => sink.lost() }),
      ];
      return () => stops.forEach((stop) => stop?.());
    },
  };
}

/**
 * A kind whose objects are always there and either sufficient or not. What no notification tells of, the audit finds.
 */
function settingsKind<D extends DeviceSettingsObject | HostSettingsObject>(
  { links, sysctl, readOnly, logger }: SettingsContext,
  name: D['kind'],
  key: (object: D) => string,
  prepare: Prepare<D>,
): Kind<D> {
  /** What was found insufficient and has been said, by key, for as long as it is so. */
  const said = new Map<string, ReadonlySet<string>>();
  const missing = (object: D): string | undefined =>
    'link' in object && !links.byName(object.link) ? object.link : undefined;
  /** What is not as needed, in lines with the remedy. What cannot even be asked for is no reason to leave out the rest. */
  const insufficient = async (settings: Sysctl, object: D): Promise<readonly string[]> => {
    try {
      return (await prepare(settings, object)).map(({ message, remedy }) => `${message}; ${remedy}`);
    } catch (error) {
      return [errorText(error)];
    }
  };
  const apply = async (object: D): Promise<Outcome> => {
    const absent = missing(object);
    if (absent !== undefined) return linkMissing(absent);
    const left = await insufficient(sysctl, object);
    const before = said.get(key(object));
    for (const line of left) if (!before?.has(line)) logger.warn(line);
    if (left.length === 0) {
      said.delete(key(object));
      return undefined;
    }
    said.set(key(object), new Set(left));
    return new OverlayError('OVERLAY_SETTINGS_INSUFFICIENT', left.join('; '));
  };
  return {
    name,
    rank: 1,
    // What they are good for may not be needed: a reverse path filter hurts only traffic on detours.
    advisory: true,
    key,
    link: (object) => ('link' in object ? object.link : undefined),
    same: () => true,
    satisfies: (actual) => actual.sufficient === true,
    async dump({ wanted }, each) {
      await links.ready();
      for (const object of wanted()) {
        if (object.kind !== name || missing(object as D) !== undefined) continue;
        const left = await insufficient(readOnly, object as D);
        if (left.length === 0) said.delete(key(object as D));
        each({ ...(object as D), sufficient: left.length === 0 });
      }
    },
    async put(wanted) {
      await links.ready();
      const outcomes: Outcome[] = [];
      for (const object of wanted) outcomes.push(await apply(object));
      return outcomes;
    },
    // Those of a device go with it; those of the host may be needed by others by now.
    remove: (objects) => Promise.resolve(objects.map(() => undefined)),
    watch: (sink) => followLinks(links, sink),
  };
}
