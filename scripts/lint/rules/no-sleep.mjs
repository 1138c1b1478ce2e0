// Tests wait for a condition, not for time: a sleep is too short on a busy machine and too long on every other. A pause
// between two looks at a condition, inside a loop that ends when it holds, is what polling is, and is allowed.

const loops = new Set(['WhileStatement', 'DoWhileStatement', 'ForStatement', 'ForOfStatement']);
const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function isNode(value) {
  return typeof value === 'object' && value !== null && typeof value.type === 'string';
}

/** Whether a node or something below it, functions left out, satisfies the test. */
function contains(node, test) {
  if (test(node)) return true;
  if (functions.has(node.type)) return false;
  return Object.entries(node).some(([key, value]) => {
    if (key === 'parent') return false;
    if (Array.isArray(value)) return value.some((item) => isNode(item) && contains(item, test));
    return isNode(value) && contains(value, test);
  });
}

/** A loop that somebody's condition ends: it breaks, returns, or asks something anew in its head each time. */
function endsByCondition(loop) {
  const leaves = (node) => node.type === 'ReturnStatement' || node.type === 'BreakStatement';
  const asks = (node) => node.type === 'CallExpression' || node.type === 'AwaitExpression';
  const isCondition = loop.type === 'WhileStatement' || loop.type === 'DoWhileStatement';
  return contains(loop.body, leaves) || (isCondition && contains(loop.test, asks));
}

function isPausedPoll(node) {
  for (let at = node.parent; at && !functions.has(at.type); at = at.parent) {
    if (loops.has(at.type) && endsByCondition(at)) return true;
  }
  return false;
}

/** `setTimeout(resolve, …)` or `setTimeout(() => resolve(…), …)`, where `name` is the promise's resolve. */
function resolvesLater(call, name) {
  if (call.type !== 'CallExpression') return false;
  const callee = call.callee.type === 'MemberExpression' ? call.callee.property : call.callee;
  if (callee.name !== 'setTimeout') return false;
  const [first] = call.arguments;
  if (first?.type === 'Identifier') return first.name === name;
  if (first?.type !== 'ArrowFunctionExpression' && first?.type !== 'FunctionExpression') return false;
  return contains(first.body, (node) => node.type === 'CallExpression' && node.callee.name === name);
}

export const noSleep = {
  meta: {
    type: 'problem',
    docs: { description: 'no bare sleeps in tests' },
    schema: [],
    messages: {
      sleep: 'A bare sleep. Poll for the condition that the test waits for, with a deadline, or listen for its event.',
    },
  },
  create(context) {
    /** Local names of setTimeout from timers/promises. */
    const promised = new Set();
    const report = (node) => {
      if (!isPausedPoll(node)) context.report({ node, messageId: 'sleep' });
    };
    return {
      ImportDeclaration(node) {
        if (!/^(node:)?timers\/promises$/.test(node.source.value)) return;
        for (const specifier of node.specifiers) {
          const isNamed = specifier.type === 'ImportSpecifier';
          if (!isNamed || specifier.imported.name === 'setTimeout') promised.add(specifier.local.name);
        }
      },
      NewExpression(node) {
        const [executor] = node.arguments;
        const resolve = executor?.params?.[0];
        if (node.callee.name !== 'Promise' || resolve?.type !== 'Identifier') return;
        if (contains(executor.body, (inner) => resolvesLater(inner, resolve.name))) report(node);
      },
      CallExpression(node) {
        const { callee } = node;
        const isPromised = callee.type === 'Identifier' && promised.has(callee.name);
        const [object, property] = [callee.object?.name, callee.property?.name];
        const isMember =
          (object === 'scheduler' && property === 'wait') ||
          (object === 'Atomics' && property === 'wait') ||
          (promised.has(object) && property === 'setTimeout');
        if (isPromised || isMember) report(node);
      },
    };
  },
};
