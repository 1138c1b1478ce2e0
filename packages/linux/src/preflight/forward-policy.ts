import type { Family, Finding } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { PreflightContext } from './context.js';
import { filesOf, toolsOf } from './context.js';
import type { ForwardChain } from './nft-chains.js';
import { droppingForwardChains } from './nft-chains.js';

const CHECK = 'forward-policy';

/**
 * Looks whether a firewall drops what is forwarded unless a rule of its own lets it pass: Docker sets that policy,
 * firewalld ends its chain that way. The tools are asked only where asking makes nothing: `iptables-legacy` would create
 * its tables, so it is asked when they exist already.
 */
export async function checkForwardPolicy(
  context: PreflightContext,
  families: readonly Family[],
): Promise<readonly Finding[]> {
  const [nft, legacy] = await Promise.all([
    nftFindings(context, families),
    Promise.all(families.map((family) => legacyFindings(context, family))),
  ]);
  return [...nft, ...legacy.flat()];
}

async function nftFindings(context: PreflightContext, families: readonly Family[]): Promise<readonly Finding[]> {
  let problem = 'nft is not installed';
  try {
    const result = await toolsOf(context)('nft', ['-j', 'list', 'chains'], context);
    if (result?.exitCode === 0) return droppingForwardChains(result.stdout, families).map(chainFinding);
    if (result !== undefined) problem = firstLine(result.stderr) || `nft ended with ${result.exitCode}`;
  } catch (error) {
    if (context.signal.aborted) throw error;
    problem = errorText(error);
  }
  return (await Promise.all(families.map((family) => iptablesNftFindings(context, family, problem)))).flat();
}

/** Where nft itself cannot be asked: its iptables front end, which shows the tables that it manages. */
async function iptablesNftFindings(
  context: PreflightContext,
  family: Family,
  problem: string,
): Promise<readonly Finding[]> {
  const program = `${family === 'ipv4' ? 'iptables' : 'ip6tables'}-nft`;
  try {
    const result = await toolsOf(context)(program, ['-S', 'FORWARD'], context);
    if (result?.exitCode === 0) return dropsByDefault(result.stdout) ? [policyFinding(program, family)] : [];
  } catch (error) {
    if (context.signal.aborted) throw error;
  }
  return [unknownFinding(family, problem)];
}

async function legacyFindings(context: PreflightContext, family: Family): Promise<readonly Finding[]> {
  const prefix = family === 'ipv4' ? 'ip' : 'ip6';
  const tables = await filesOf(context).read(`/proc/thread-self/net/${prefix}_tables_names`);
  if (tables?.split('\n').includes('filter') !== true) return [];
  const program = `${prefix}tables-legacy`;
  try {
    const result = await toolsOf(context)(program, ['-S', 'FORWARD'], context);
    if (result?.exitCode === 0) return dropsByDefault(result.stdout) ? [policyFinding(program, family)] : [];
    return [unknownFinding(family, result === undefined ? `${program} is not installed` : firstLine(result.stderr))];
  } catch (error) {
    if (context.signal.aborted) throw error;
    return [unknownFinding(family, errorText(error))];
  }
}

function dropsByDefault(rules: string): boolean {
  return /^-P FORWARD (DROP|REJECT)$/m.test(rules);
}

function policyFinding(program: string, family: Family): Finding {
  return {
    level: 'warning',
    check: CHECK,
    message: `the policy of FORWARD (${program}) is DROP: ${name(family)} packets of pods pass only if a rule accepts them`,
    remedy: `accept the pod network, with: ${program} -I FORWARD -s NETWORK -j ACCEPT and -d NETWORK, or set: ${program} -P FORWARD ACCEPT`,
  };
}

function unknownFinding(family: Family, problem: string): Finding {
  return {
    level: 'warning',
    check: CHECK,
    message: `cannot tell whether the firewall drops forwarded ${name(family)} packets: ${problem}`,
    remedy: 'install nftables and iptables, or make sure that packets of the pod network may be forwarded',
  };
}

function chainFinding(chain: ForwardChain): Finding {
  const place = `chain ${chain.name} of table ${chain.family} ${chain.table}`;
  return chain.firewalld
    ? {
        level: 'warning',
        check: CHECK,
        message: 'firewalld runs; it rejects forwarded packets that none of its zones accepts',
        remedy: 'trust the pod network, with: firewall-cmd --permanent --zone=trusted --add-source=NETWORK, and reload',
      }
    : {
        level: 'warning',
        check: CHECK,
        message: `the policy of ${place} is drop: packets of pods pass only if a rule accepts them`,
        remedy: `accept the pod network in it, with: nft insert rule ${chain.family} ${chain.table} ${chain.name} ip saddr NETWORK accept, and daddr`,
      };
}

function name(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? '';
}
