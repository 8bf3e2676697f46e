'use strict';

/** Calls that take a failure over: `report…` whatever it is told, the others only when the failure is passed on. */
const REPORTER = /^report([A-Z]|$)/;
const FORWARDERS = new Set(['reject', 'resolve', 'callback', 'cb', 'done', 'next', 'destroy']);
const ITERATORS = new Set(['forEach', 'map']);
const PREDICATE = /^(is|has)[A-Z]|^(includes|has)$/;
const EQUALITY = { '===': true, '!==': false };
const COLLECTIONS = new Set(['Array', 'Map', 'Object', 'Set']);
const LOGGER = /^(console|log|logger)$|Logger$/;
const WRAPPERS = new Set(['AwaitExpression', 'TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression']);

const isFunction = (node) => node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';

/** `a.b.report` and `report` are both called `report`. */
function nameOf(node) {
  if (node.type === 'MemberExpression') return node.computed ? undefined : node.property.name;
  return node.type === 'Identifier' ? node.name : undefined;
}

/** Whether a function of this name may be given as the handler itself. */
const isForwarder = (name) => REPORTER.test(name) || FORWARDERS.has(name);

const isLoggerCall = ({ callee }) => callee.type === 'MemberExpression' && LOGGER.test(nameOf(callee.object) ?? '');

/** What the values and conditions in one handler have to do with the failure that it has caught. */
class FailureValues {
  constructor(visitorKeys, parameters) {
    this.visitorKeys = visitorKeys;
    this.failureNames = new Set(parameters.flatMap((parameter) => this.boundNames(parameter)));
  }

  /** A variable made from the failure stands for it from then on. */
  follow(declarator) {
    if (!declarator.init || !this.mentionsFailure(declarator.init)) return;
    for (const name of this.boundNames(declarator.id)) this.failureNames.add(name);
  }

  /** Whether the test, where its outcome is the given one, has told precisely which failure it is. */
  recognises(test, outcome) {
    if (test.type === 'UnaryExpression' && test.operator === '!') return this.recognises(test.argument, !outcome);
    if (test.type === 'LogicalExpression') {
      const sides = [test.left, test.right].map((side) => this.recognises(side, outcome));
      return (test.operator === '&&') === outcome ? sides.includes(true) : !sides.includes(false);
    }
    const mentions = (node) => this.mentionsFailure(node);
    if (test.type === 'CallExpression') {
      return outcome && PREDICATE.test(nameOf(test.callee)) && test.arguments.some(mentions);
    }
    if (test.type !== 'BinaryExpression' || !mentions(test.left)) return false;
    if (test.operator === 'instanceof') return outcome && nameOf(test.right) !== 'Error';
    return EQUALITY[test.operator] === outcome && this.isPrecise(test.left, test.right);
  }

  isPrecise(left, right) {
    const vague = right.type === 'Literal' ? right.value === null : nameOf(right) === 'undefined';
    return !vague && left.type !== 'UnaryExpression';
  }

  /** Whether a returned value tells of the failure, rather than standing in for the result that is missing. */
  isFailure(node) {
    if (node === null) return false;
    if (WRAPPERS.has(node.type)) return this.isFailure(node.argument ?? node.expression);
    switch (node.type) {
      case 'ConditionalExpression':
        return this.isFailure(node.consequent) && this.isFailure(node.alternate);
      case 'LogicalExpression':
        return this.isFailure(node.left) && this.isFailure(node.right);
      case 'SequenceExpression':
        return this.isFailure(node.expressions.at(-1));
      case 'CallExpression':
        if (nameOf(node.callee) === 'resolve') return node.arguments.some((argument) => this.isFailure(argument));
        return !isLoggerCall(node) && nameOf(node.callee) !== 'noop';
      case 'NewExpression':
        return node.arguments.length > 0 || !COLLECTIONS.has(nameOf(node.callee));
      case 'ObjectExpression':
        return node.properties.some((property) => this.isFailureProperty(property));
      case 'ArrayExpression':
      case 'Identifier':
      case 'MemberExpression':
        return this.mentionsFailure(node);
      default:
        return false;
    }
  }

  isFailureProperty(property) {
    if (property.type === 'SpreadElement') return this.isFailure(property.argument);
    if (nameOf(property.key) === 'ok' && property.value.value === false) return true;
    return this.isFailure(property.value) || this.mentionsFailure(property.value);
  }

  mentionsFailure(node) {
    if (node.type === 'Identifier') return this.failureNames.has(node.name);
    if (node.type === 'MemberExpression' && !node.computed) return this.mentionsFailure(node.object);
    return this.children(node).some((child) => this.mentionsFailure(child));
  }

  boundNames(pattern) {
    return pattern.type === 'Identifier' ? [pattern.name] : this.children(pattern).flatMap((c) => this.boundNames(c));
  }

  children(node) {
    return (this.visitorKeys[node.type] ?? []).flatMap((key) => node[key] ?? []).filter(Boolean);
  }
}

module.exports = { FailureValues, FORWARDERS, ITERATORS, isForwarder, isFunction, nameOf, REPORTER };
