import { describe, expect, test } from '@jest/globals';
import { Owner } from '../../dist/reconciler/entry.js';
import { ScopeState } from '../../dist/reconciler/scope-state.js';

describe('an owner', () => {
  test.each([0, 1, 2, 3, 4, 7])('gives back the %i objects that it wants, in order', (count) => {
    const owner = new Owner('peer', new ScopeState('test'));
    const objects = Array.from({ length: count }, (_, number) => ({ kind: `kind ${number}` }));
    owner.objects = objects;
    expect(owner.objects).toEqual(objects);
  });

  test('has nothing left of what it wanted before', () => {
    const owner = new Owner('peer', new ScopeState('test'));
    owner.objects = [{ kind: 'a' }, { kind: 'b' }, { kind: 'c' }, { kind: 'd' }];
    owner.objects = [{ kind: 'e' }];
    expect(owner.objects).toEqual([{ kind: 'e' }]);
    owner.objects = [];
    expect(owner.objects).toEqual([]);
  });
});
