import { describe, expect, test } from '@jest/globals';
import type { Address, ConfigEvent, HostState } from '@overlay/core';
import { parseAddress, parseNetConf, silentLogger } from '@overlay/core';
import type { InterfaceOptions } from '@overlay/linux';
import { of, Subject } from 'rxjs';
import { hostStream, InterfaceNeed } from '../../dist/compose/host-stream.js';

function config(text: string): ConfigEvent {
  return { type: 'config', netConf: parseNetConf(text, { source: 'net-conf.json' }) };
}

const IPV4 = config('{"Network":"10.244.0.0/16"}');
const WIDER = config('{"Network":"10.240.0.0/12"}');
const DUAL = config('{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48"}');

function hostAt(address: string, publicIP = address): HostState {
  const own: { address: Address; publicIP: Address } = {
    address: parseAddress(address),
    publicIP: parseAddress(publicIP),
  };
  return { host: { interface: { name: 'eth0', index: 2, mtu: 1500, broadcast: true }, ipv4: own } };
}

/** A stream whose observations can be looked at and answered. */
function observed(carrying = true) {
  const need = new InterfaceNeed(() => carrying);
  const asked: InterfaceOptions[] = [];
  const said: string[] = [];
  const told: HostState[] = [];
  const answers: Subject<HostState>[] = [];
  const subscription = hostStream({
    need$: need.need$,
    interface$: of({ options: { iface: ['eth0'] } }),
    observe: (options) => {
      asked.push(options);
      const answer = new Subject<HostState>();
      answers.push(answer);
      return answer;
    },
    logger: { ...silentLogger, info: (line) => said.push(line) },
  }).subscribe((state) => told.push(state));
  return { need, asked, said, told, answers, subscription };
}

describe('what the configuration asks of the host', () => {
  test('nothing is looked for before there is one', () => {
    const { need, asked } = observed();
    need.follow({ type: 'waiting', reason: 'none yet' });
    expect(asked).toEqual([]);
    need.follow(IPV4);
    expect(asked).toEqual([{ iface: ['eth0'], families: ['ipv4'], overlayNetworks: ['10.244.0.0/16'] }]);
  });

  test('the same again asks nothing new; a wider network does at once', () => {
    const { need, asked, answers } = observed();
    need.follow(IPV4);
    need.follow(IPV4);
    need.follow(WIDER);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({ families: ['ipv4'], overlayNetworks: ['10.240.0.0/12'] });
    expect(answers[0]?.observed).toBe(false);
    expect(answers[1]?.observed).toBe(true);
  });

  test('another family waits for a restart of a host that carries traffic', () => {
    const { need, asked } = observed();
    need.follow(IPV4);
    need.follow(DUAL);
    expect(asked.at(-1)?.families).toEqual(['ipv4']);
  });

  test('and does not wait before that', () => {
    const { need, asked } = observed(false);
    need.follow(IPV4);
    need.follow(DUAL);
    expect(asked.at(-1)?.families).toEqual(['ipv4', 'ipv6']);
  });
});

test('what was found is said once, in flanneld’s words', () => {
  const { need, said, told, answers } = observed();
  need.follow(IPV4);
  const answer = answers[0];
  answer.next({ waiting: 'no eth0' });
  answer.next(hostAt('10.0.0.2'));
  answer.next(hostAt('10.0.0.2'));
  answer.next(hostAt('10.0.0.2', '1.2.3.4'));
  expect(told).toHaveLength(4);
  expect(said).toEqual([
    'Using interface with name eth0 and address 10.0.0.2',
    'Defaulting external address to interface address (10.0.0.2)',
    'Using interface with name eth0 and address 10.0.0.2',
    'Using external address (1.2.3.4)',
  ]);
});
