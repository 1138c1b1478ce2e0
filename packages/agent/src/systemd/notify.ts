import type { Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import { sendUnixDatagram } from '@overlay/linux';

/** What a service tells systemd, by the names of sd_notify(3). */
export interface Notice {
  /** This host can carry traffic: units that come after this one may start. */
  readonly READY?: '1';
  /** It is ending because it was told to. */
  readonly STOPPING?: '1';
  /** One line that `systemctl status` shows. */
  readonly STATUS?: string;
}

/**
 * Gives what tells systemd how the program is, as sd_notify(3) says. Does nothing where nobody asked to be told.
 *
 * @param socket the value of `NOTIFY_SOCKET`.
 */
export function systemdNotifier(socket: string | undefined, logger: Logger): (notice: Notice) => void {
  if (socket === undefined || socket === '') return () => undefined;
  return (notice) => {
    const lines = Object.entries(notice).map(([name, value]) => `${name}=${String(value)}`);
    try {
      sendUnixDatagram(socket, lines.join('\n'));
    } catch (error) {
      // Nothing else depends on it.
      logger.warn(`telling systemd ${lines.join(' ')}: ${errorText(error)}`);
    }
  };
}
