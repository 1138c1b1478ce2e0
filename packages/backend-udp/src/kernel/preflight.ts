import { errorText, OverlayError } from '@overlay/core';
import type { Address, Finding, Host, Mac, Prefix } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { FILTERS } from './layout.js';
import type { ProgramConfig } from './layout.js';
import { BpfMaps } from './maps.js';
import type { UdpKernel } from './udp-kernel.js';

const CHECK = 'udp-kernel';
/** ARPHRD_ETHER of linux/if_arp.h. */
const ETHERNET = 1;

/**
 * Configurations to have the programs verified with. The verifier passes over what a configuration does not need, so these
 * need everything that there is: both families, inside and outside, and each filter. Addresses are those for examples.
 */
export const TRIALS: readonly ProgramConfig[] = FILTERS.map((filter) => ({
  tunnel: 1,
  entry: 2,
  underlay: 3,
  port: 1,
  filter,
  addresses: { ipv4: '192.0.2.1' as Address, ipv6: '2001:db8::1' as Address },
  subnets: { ipv4: '198.51.100.0/24' as Prefix, ipv6: '2001:db8:1::/64' as Prefix },
  tunnelMac: '02:00:00:00:00:01' as Mac,
  entryMac: '02:00:00:00:00:02' as Mac,
}));

/** Whether the kernel takes the programs and has where to put them, and the interface has the headers that they expect. */
export async function kernelPreflight(
  linux: Pick<Linux, 'link'>,
  load: () => UdpKernel,
  { host, signal }: { readonly host?: Host; readonly signal: AbortSignal },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    await verify(load(), signal);
  } catch (error) {
    // That somebody has ended it says nothing of the kernel.
    if (!(error instanceof OverlayError) || error.code === 'OVERLAY_ABORTED') throw error;
    const [message, ...remedies] = errorText(error).split('; ');
    findings.push({
      level: 'error',
      check: CHECK,
      message: `the kernel path is not available: ${message}`,
      remedy: remedies.join('; ') || 'set DataPath to user, or use vxlan',
    });
  }
  const link = host && (await linux.link(host.interface.name));
  if (link && link.hardwareType !== ETHERNET) {
    findings.push({
      level: 'error',
      check: CHECK,
      message: `the kernel path needs an Ethernet interface, and ${link.name} is none`,
      remedy: 'choose another interface with --iface, or set DataPath to user',
    });
  }
  return findings;
}

/** Loads the programs and lets them go again, and asks for their place. Throws OverlayError. */
async function verify(kernel: UdpKernel, signal: AbortSignal): Promise<void> {
  // What the kernel has taken once it takes again, and asking costs it tens of milliseconds.
  if (kernel.isVerified) return;
  const { object, native, attachments } = kernel;
  const maps = BpfMaps.open(object, []);
  try {
    // Only what comes in is filtered.
    native.close(object.load('egress', TRIALS[0], maps.fds));
    for (const trial of TRIALS) native.close(object.load('ingress', trial, maps.fds));
  } finally {
    maps.close();
  }
  const cause = await attachments.whyNone(signal);
  if (cause) {
    throw new OverlayError(
      'OVERLAY_BPF',
      'this kernel has no clsact qdisc; load its modules (modprobe -a sch_ingress cls_bpf), or set DataPath to user',
      { cause },
    );
  }
  kernel.isVerified = true;
}
