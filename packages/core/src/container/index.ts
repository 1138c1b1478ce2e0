export type { AgentSettings, Binding, Resolver } from './agent-container.js';
export { AgentContainer, createAgentContainer } from './agent-container.js';
