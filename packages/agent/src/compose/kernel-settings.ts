import type { BackendFactory, ConfigEvent, Finding, Logger, NetConf } from '@overlay/core';
import { errorText, FAMILIES } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { raiseNeighbourLimits } from '@overlay/linux';

export interface KernelSettingsOptions {
  readonly linux: Linux;
  readonly backends: readonly BackendFactory[];
  readonly logger: Logger;
}

/** Keeps the settings of the whole host sufficient: forwarding, and room for peers that are neighbours of it. */
export class KernelSettings {
  readonly #options: KernelSettingsOptions;
  #netConf: NetConf | undefined;
  #families = '';
  #forwarding: Promise<readonly Finding[]> = Promise.resolve([]);
  #forwardingFindings: readonly Finding[] = [];
  #neighbourFindings: readonly Finding[] = [];
  /** Peers for which room has been made. */
  #room = 0;

  constructor(options: KernelSettingsOptions) {
    this.#options = options;
  }

  /** What could not be made sufficient, or was left alone. */
  get findings(): readonly Finding[] {
    return [...this.#forwardingFindings, ...this.#neighbourFindings];
  }

  /** Resolves when the host forwards, or it is known why it does not. Never rejects. */
  async forwarding(): Promise<void> {
    await this.#forwarding;
  }

  /** Takes in what a configuration stream says. */
  follow(event: ConfigEvent): void {
    if (event.type !== 'config') return;
    this.#netConf = event.netConf;
    const families = FAMILIES.filter((family) => event.netConf[family] !== undefined).join();
    if (families === this.#families) return;
    this.#families = families;
    this.#forwarding = this.#run(() => this.#options.linux.prepareForwarding(event.netConf));
    void this.#forwarding.then((findings) => (this.#forwardingFindings = findings));
  }

  /** Takes in how many peers there are. */
  followPeers(peers: number): void {
    const netConf = this.#netConf;
    if (netConf === undefined || peers <= this.#room || !this.#peersAreNeighbours(netConf)) return;
    // Half as many again, so that a growing cluster does not come here with every host.
    this.#room = Math.ceil(peers * 1.5);
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    void this.#run(() => raiseNeighbourLimits(this.#options.linux.sysctl, this.#room, families)).then(
      (findings) => (this.#neighbourFindings = findings),
    );
  }

  /** Whether packets go straight to peers on the same link, which then have entries that the kernel may collect. */
  #peersAreNeighbours({ backend }: NetConf): boolean {
    const factory = this.#options.backends.find(({ type }) => type === backend.type);
    if (factory?.supports.crossesSubnets === false) return true;
    return Object.entries(backend.options).some(([name, on]) => name.toLowerCase() === 'directrouting' && on === true);
  }

  async #run(prepare: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
    const { logger } = this.#options;
    try {
      const findings = await prepare();
      for (const { level, message, remedy } of findings) {
        if (level === 'error') logger.error(`${message}; ${remedy}`);
        else logger.warn(`${message}; ${remedy}`);
      }
      return findings;
    } catch (error) {
      const message = `looking after the settings of the kernel: ${errorText(error)}`;
      logger.warn(message);
      return [{ level: 'warning', check: 'sysctl', message, remedy: 'see whether /proc/sys can be read' }];
    }
  }
}
