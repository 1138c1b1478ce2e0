import { expect, test } from '@jest/globals';
import { Reconciler } from '@overlay/linux';
import fc from 'fast-check';
import { HandClock, MemoryKernel, thing } from './memory-kernel.js';
import type { Fault } from './memory-kernel.js';

const IDS = ['a', 'b', 'c', 'd'];
const LINKS = ['x', 'y'];
const FAULTS: Fault[] = ['put refused', 'put throws', 'remove refused', 'remove throws', 'dump throws'];

type Step =
  | { readonly do: 'set'; readonly owner: string; readonly ids: readonly [string, number, string][] }
  | { readonly do: 'delete'; readonly owner: string }
  | { readonly do: 'tamper'; readonly id: string; readonly value: number; readonly deaf: boolean }
  | { readonly do: 'destroy'; readonly id: string; readonly deaf: boolean }
  | { readonly do: 'link'; readonly link: string; readonly there: boolean }
  | { readonly do: 'fault'; readonly fault: Fault }
  | { readonly do: 'pass'; readonly ms: number };

const owner = fc.constantFrom('p1', 'p2', 'p3');
const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('set' as const),
    owner,
    ids: fc.uniqueArray(fc.tuple(id, fc.integer({ min: 1, max: 3 }), fc.constantFrom(...LINKS)), {
      selector: ([name]) => name,
      maxLength: 3,
    }),
  }),
  fc.record({ do: fc.constant('delete' as const), owner }),
  fc.record({ do: fc.constant('tamper' as const), id, value: fc.integer({ min: 1, max: 4 }), deaf: fc.boolean() }),
  fc.record({ do: fc.constant('destroy' as const), id, deaf: fc.boolean() }),
  fc.record({ do: fc.constant('link' as const), link: fc.constantFrom(...LINKS), there: fc.boolean() }),
  fc.record({ do: fc.constant('fault' as const), fault: fc.constantFrom(...FAULTS) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 500 }) }),
);

test('whatever is wanted, tampered with and refused, in the end the kernel holds what is wanted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const kernel = new MemoryKernel();
      const clock = new HandClock();
      LINKS.forEach((link) => kernel.links.add(link));
      const reconciler = new Reconciler({ kinds: [kernel.kind()], clock, auditMs: 60_000 });
      const scope = reconciler.scope('net');
      const wanted = new Map<string, Map<string, number>>();
      scope.claim('thing', () => true);
      for (const one of steps) {
        switch (one.do) {
          case 'set':
            wanted.set(one.owner, new Map(one.ids.map(([name, value]) => [name, value])));
            // Which device an object is on is part of its identity here, so it is made from its name.
            scope.set(
              one.owner,
              one.ids.map(([name, value]) => thing(name, value, linkOf(name))),
            );
            break;
          case 'delete':
            wanted.delete(one.owner);
            scope.delete(one.owner);
            break;
          case 'tamper':
            kernel.deaf = one.deaf;
            if (kernel.links.has(linkOf(one.id))) kernel.tamper(thing(one.id, one.value, linkOf(one.id)));
            kernel.deaf = false;
            break;
          case 'destroy':
            kernel.deaf = one.deaf;
            kernel.destroy(one.id);
            kernel.deaf = false;
            break;
          case 'link':
            if (one.there) kernel.addLink(one.link);
            else kernel.deleteLink(one.link);
            break;
          case 'fault':
            kernel.faults.push(one.fault);
            break;
          case 'pass':
            await clock.pass(one.ms);
            break;
        }
      }
      LINKS.forEach((link) => kernel.addLink(link));
      kernel.faults.length = 0;
      await clock.pass(300_000);
      const expected = new Map<string, number>();
      for (const name of IDS) {
        const winner = [...wanted].filter(([, things]) => things.has(name)).sort(([a], [b]) => (a < b ? -1 : 1))[0];
        if (winner) expected.set(name, winner[1].get(name) ?? 0);
      }
      const held = new Map([...kernel.things].map(([name, { value }]) => [name, value]));
      expect(Object.fromEntries(held)).toEqual(Object.fromEntries(expected));
      expect(scope.status()).toMatchObject({ pending: 0, failed: 0, objects: expected.size });
      await reconciler.close();
      expect(clock.timers).toBe(0);
    }),
    { numRuns: 300 },
  );
});

function linkOf(id: string): string {
  return id < 'c' ? 'x' : 'y';
}
