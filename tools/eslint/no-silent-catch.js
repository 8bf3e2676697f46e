'use strict';

const { isForwarder, nameOf } = require('./failure-values');
const { HandlerAnalysis } = require('./handler-analysis');
const { ownFunction } = require('./own-function');

/** The handler of a rejection in `.catch(handler)` or `.then(onFulfilled, handler)`, if the call has one. */
function rejectionHandler({ callee, arguments: args }) {
  if (callee.type !== 'MemberExpression') return undefined;
  if (nameOf(callee) === 'catch') return args[0];
  return nameOf(callee) === 'then' ? args[1] : undefined;
}

/** @type {import('eslint').Rule.RuleModule} */
module.exports = {
  meta: {
    type: 'problem',
    docs: {
      description:
        'A caught failure is rethrown, returned as a typed failure, or reported; one that was recognised by its type or code may be answered',
    },
    schema: [{ type: 'object', properties: { processExit: { type: 'boolean' } }, additionalProperties: false }],
    messages: {
      silent: 'A failure can vanish here: on every path rethrow it, return a typed failure, or call the reporter.',
      reference:
        'It does not show what becomes of the failure here: pass a function that rethrows, returns or reports it.',
    },
  },
  create(context) {
    const { sourceCode } = context;
    const options = context.options[0] ?? {};
    const check = (node, parameters, body) => {
      if (new HandlerAnalysis(sourceCode, parameters, options).isSilent(body)) {
        context.report({ node, messageId: 'silent' });
      }
    };
    return {
      CatchClause: (node) => check(node, node.param ? [node.param] : [], node.body),
      CallExpression(node) {
        const given = rejectionHandler(node);
        if (given === undefined) return;
        const handler = ownFunction(sourceCode, given) ?? given;
        if (/Function/.test(handler.type)) return check(given, handler.params, handler.body);
        const isReference = ['Identifier', 'MemberExpression', 'CallExpression'].includes(given.type);
        const name = nameOf(given.type === 'CallExpression' ? given.callee : given);
        if (!isReference || name === 'undefined' || isForwarder(name)) return;
        context.report({ node: given, messageId: 'reference' });
      },
    };
  },
};
