import type { Family, HostState } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import type { Observable } from 'rxjs';
import type { Attachment } from '../environment.js';
import type { View, ViewItem } from '../view.js';
import type { KernelAccess } from './kernel-access.js';

/** The Linux layer of one process. */
export class KernelAttachment implements Attachment<Linux> {
  constructor(
    readonly platform: Linux,
    readonly faults: KernelAccess,
    private readonly onClose: () => void,
  ) {}

  host$(families: readonly Family[]): Observable<HostState> {
    return this.platform.host$({ families });
  }

  /** Devices are marked by their alias, routes by their protocol; what is on a device is known by the device. */
  unmarked(own: View): readonly string[] {
    const { alias, routeProtocol } = this.platform;
    return [
      ...own.of('link').filter(({ raw }) => raw.ifalias !== alias),
      ...requestedRoutes(own).filter(({ raw }) => String(raw.protocol) !== String(routeProtocol)),
    ].map(({ text }) => text);
  }

  writes(): Readonly<Record<string, number>> {
    return { ...Object.fromEntries(this.platform.reconciler.writes), messages: this.platform.session.writes };
  }

  audit(): void {
    this.platform.reconciler.audit();
  }

  async close(): Promise<void> {
    this.onClose();
    await this.platform.close();
  }
}

/** Routes that were asked for: those of an own address the kernel makes itself (protocol `kernel`, 2). */
export function requestedRoutes(own: View): readonly ViewItem[] {
  return own.of('route').filter(({ raw }) => String(raw.protocol) !== '2' && raw.protocol !== 'kernel');
}
