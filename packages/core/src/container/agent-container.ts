import 'reflect-metadata';
import type { DependencyContainer } from 'tsyringe';
import { container as root } from 'tsyringe';
import type { AgentOptions } from '../agent/index.js';
import { Agent } from '../agent/index.js';
import { OverlayError } from '../errors.js';
import type { Token } from '../tokens.js';
import { TOKENS } from '../tokens.js';

/** Gives what is bound to a token. */
export interface Resolver {
  /**
   * What is bound to the token, the same each time.
   *
   * @throws OverlayError `OVERLAY_NOT_BOUND` when nothing is, `OVERLAY_CIRCULAR` when making it needs itself; an error of
   *   a factory as it is.
   */
  readonly resolve: <T>(token: Token<T>) => T;
}

/** What a token is bound to: a value, or what makes it the first time that it is asked for. */
export type Binding<T> = { readonly value: T } | { readonly factory: (resolver: Resolver) => T };

/** The settings of an agent that are values, not parts. */
export type AgentSettings = Omit<AgentOptions, 'backends' | 'clock' | 'host$' | 'logger' | 'metrics' | 'subnetManager'>;

/**
 * The parts of one agent, by token, in a tsyringe container of its own. Two of them share nothing, and tsyringe's global
 * container stays as it is. It only puts together: what needs to be closed is closed by whoever made it.
 */
export class AgentContainer implements Resolver {
  /** A child, because tsyringe makes no others; it is asked only for what is registered in itself. */
  readonly #container: DependencyContainer = root.createChildContainer();
  /** Tokens that are being made, outermost first. */
  readonly #making: Token<unknown>[] = [];

  /**
   * Binds a token.
   *
   * @throws OverlayError `OVERLAY_ALREADY_BOUND`; tsyringe itself would let the last one win.
   */
  bind<T>(token: Token<T>, binding: Binding<T>): this {
    if (this.has(token)) {
      throw new OverlayError(
        'OVERLAY_ALREADY_BOUND',
        `binding ${token.description}: it is bound already; bind each token once, in one place`,
      );
    }
    if ('value' in binding) {
      const { value } = binding;
      this.#container.register(token.symbol, { useFactory: () => value });
      return this;
    }
    let made: { readonly value: T } | undefined;
    this.#container.register(token.symbol, {
      useFactory: () => {
        made ??= { value: this.#make(token, binding.factory) };
        return made.value;
      },
    });
    return this;
  }

  /** Whether something is bound to the token. */
  has(token: Token<unknown>): boolean {
    return this.#container.isRegistered(token.symbol, false);
  }

  resolve<T>(token: Token<T>): T {
    if (!this.has(token)) {
      const wanting = this.#making.at(-1);
      throw new OverlayError(
        'OVERLAY_NOT_BOUND',
        `resolving ${token.description}${wanting === undefined ? '' : ` for ${wanting.description}`}: nothing is bound to ` +
          'it; bind a value or a factory first',
      );
    }
    return this.#container.resolve<T>(token.symbol);
  }

  /** What is bound to the token, or undefined when nothing is. */
  optional<T>(token: Token<T>): T | undefined {
    return this.has(token) ? this.resolve(token) : undefined;
  }

  /**
   * Makes an agent of the parts that are bound: {@link TOKENS}.subnetManager, backends and host$, and logger, clock and
   * metrics where they are.
   *
   * @throws OverlayError `OVERLAY_NOT_BOUND` naming what is missing.
   */
  createAgent(settings: AgentSettings): Agent {
    const logger = this.optional(TOKENS.logger);
    const clock = this.optional(TOKENS.clock);
    const metrics = this.optional(TOKENS.metrics);
    return new Agent({
      ...settings,
      subnetManager: this.resolve(TOKENS.subnetManager),
      backends: this.resolve(TOKENS.backends),
      host$: this.resolve(TOKENS.host$),
      ...(logger && { logger }),
      ...(clock && { clock }),
      ...(metrics && { metrics }),
    });
  }

  #make<T>(token: Token<T>, factory: (resolver: Resolver) => T): T {
    if (this.#making.includes(token)) {
      const circle = [...this.#making, token].map(({ description }) => description).join(' -> ');
      throw new OverlayError('OVERLAY_CIRCULAR', `making ${token.description}: it needs itself: ${circle}`);
    }
    this.#making.push(token);
    try {
      return factory({ resolve: (wanted) => this.resolve(wanted) });
    } finally {
      this.#making.pop();
    }
  }
}

/** A container for the parts of one agent. */
export function createAgentContainer(): AgentContainer {
  return new AgentContainer();
}
