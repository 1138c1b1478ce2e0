export { MessageReader, MessageWriter } from './message.js';
