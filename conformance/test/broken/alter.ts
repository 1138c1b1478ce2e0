// Means to make a good backend a bad one, in one way.
import type { Backend, BackendFactory, LeaseUpdate, Network, NetworkState } from '@overlay/core';
import { map } from 'rxjs';

export type Factory<Platform> = (platform: Platform) => BackendFactory;

/** An object with some members of its own in the place of those that it had. */
export function altered<T extends object>(object: T, members: Partial<T>): T {
  return new Proxy(object, {
    get: (target, name) => {
      const source = name in members ? members : target;
      const value: unknown = Reflect.get(source, name, source);
      return typeof value === 'function' && source === target ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A factory whose backends, or their networks, have members of their own. */
export function broken<Platform>(
  factory: Factory<Platform>,
  {
    backend = () => ({}),
    network = () => ({}),
  }: {
    backend?: (of: Backend, platform: Platform) => Partial<Backend>;
    network?: (of: Network, platform: Platform) => Partial<Network>;
  },
): Factory<Platform> {
  return (platform) => {
    const made = factory(platform);
    return {
      ...made,
      create: (init) => {
        const good = made.create(init);
        const open: Backend['open'] = async (context) => {
          const opened = await good.open(context);
          return altered(opened, network(opened, platform));
        };
        return altered(good, { open, ...backend(good, platform) });
      },
    };
  };
}

/** Passes on what is told of peers, altered. */
export function hears<Platform>(
  factory: Factory<Platform>,
  alter: (update: LeaseUpdate) => LeaseUpdate,
): Factory<Platform> {
  return broken(factory, { network: (of) => ({ apply: (update) => of.apply(alter(update)) }) });
}

/** Tells its state altered. */
export function tells<Platform>(
  factory: Factory<Platform>,
  alter: (state: NetworkState) => NetworkState,
): Factory<Platform> {
  return broken(factory, { network: (of) => ({ state$: of.state$.pipe(map(alter)) }) });
}
