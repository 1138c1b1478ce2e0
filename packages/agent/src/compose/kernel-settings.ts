import type { BackendFactory, ConfigEvent, Finding, Logger, NetConf } from '@overlay/core';
import { errorText, FAMILIES } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { raiseNeighbourLimits } from '@overlay/linux';

export interface KernelSettingsOptions {
  readonly linux: Linux;
  readonly backends: readonly BackendFactory[];
  readonly logger: Logger;
}

/**
 * Looks after the settings of the whole host: whether it forwards, which the networks themselves see to, and room for
 * peers that are neighbours of it.
 */
export class KernelSettings {
  readonly #options: KernelSettingsOptions;
  #netConf: NetConf | undefined;
  #forwarding: readonly Finding[] = [];
  #neighbours: readonly Finding[] = [];
  /** Peers for which room has been made. */
  #room = 0;

  constructor(options: KernelSettingsOptions) {
    this.#options = options;
  }

  /** What could not be made sufficient, or was left alone. */
  get findings(): readonly Finding[] {
    return [...this.#forwarding, ...this.#neighbours];
  }

  /** Takes in what a configuration stream says. */
  follow(event: ConfigEvent): void {
    if (event.type === 'config') this.#netConf = event.netConf;
  }

  /** Looks at forwarding. The networks have said what they could not change, so this only keeps it for the status. */
  async checkForwarding(): Promise<void> {
    const netConf = this.#netConf;
    if (netConf === undefined) return;
    this.#forwarding = await this.#run(() => this.#options.linux.prepareForwarding(netConf));
  }

  /** Looks again at what was found wrong: somebody may have mended it. */
  async refresh(): Promise<void> {
    if (this.#forwarding.length > 0) await this.checkForwarding();
  }

  /** Takes in how many peers there are. */
  followPeers(peers: number): void {
    const netConf = this.#netConf;
    if (netConf === undefined || peers <= this.#room || !this.#peersAreNeighbours(netConf)) return;
    // Half as many again, so that a growing cluster does not come here with every host.
    this.#room = Math.ceil(peers * 1.5);
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const prepare = (): Promise<readonly Finding[]> =>
      raiseNeighbourLimits(this.#options.linux.sysctl, this.#room, families);
    void this.#run(prepare).then((findings) => {
      this.#neighbours = findings;
      for (const { message, remedy } of findings) this.#options.logger.warn(`${message}; ${remedy}`);
    });
  }

  /** Whether packets go straight to peers on the same link, which then have entries that the kernel may collect. */
  #peersAreNeighbours({ backend }: NetConf): boolean {
    const factory = this.#options.backends.find(({ type }) => type === backend.type);
    if (factory?.supports.crossesSubnets === false) return true;
    return Object.entries(backend.options).some(([name, on]) => name.toLowerCase() === 'directrouting' && on === true);
  }

  async #run(prepare: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
    try {
      return await prepare();
    } catch (error) {
      const message = `looking after the settings of the kernel: ${errorText(error)}`;
      return [{ level: 'warning', check: 'sysctl', message, remedy: 'see whether /proc/sys can be read' }];
    }
  }
}
