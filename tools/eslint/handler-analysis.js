'use strict';

/** Calls that take a failure over: `report` whatever it is told, the others only when the failure is passed on to them. */
const REPORTERS = new Set(['report']);
const FORWARDERS = new Set(['reject', 'resolve', 'callback', 'cb', 'done', 'next', 'destroy']);
const ITERATORS = new Set(['forEach', 'map']);
const COLLECTIONS = new Set(['Array', 'Map', 'Object', 'Set']);
const LOGGER = /^(console|log|logger)$|Logger$/;
const WRAPPERS = new Set(['AwaitExpression', 'TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression']);

/** What is known where a statement has run: the failure may still be unhandled, is handled, or the path has ended. */
const OPEN = 'open';
const HANDLED = 'handled';
const ENDED = 'ended';

const isFunction = (node) => node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';

/** `a.b.report` and `report` are both called `report`. */
function nameOf(node) {
  if (node.type === 'MemberExpression') return node.computed ? undefined : node.property.name;
  return node.type === 'Identifier' ? node.name : undefined;
}

/** Whether a function of this name may be given as the handler itself. */
const isForwarder = (name) => REPORTERS.has(name) || FORWARDERS.has(name);

const isLoggerCall = ({ callee }) => callee.type === 'MemberExpression' && LOGGER.test(nameOf(callee.object) ?? '');

/** Where paths meet again, the worst of those that go on counts. */
function merge(states) {
  if (states.includes(OPEN)) return OPEN;
  return states.includes(HANDLED) ? HANDLED : ENDED;
}

/** Follows every path through one handler; `silent` turns true when one leaves it with the failure unhandled. */
class HandlerAnalysis {
  constructor(visitorKeys, parameters, options) {
    this.visitorKeys = visitorKeys;
    this.options = options;
    this.failureNames = new Set(parameters.flatMap((parameter) => this.boundNames(parameter)));
    this.breaks = [];
    this.silent = false;
  }

  isSilent(body) {
    const silent = body.type === 'BlockStatement' ? this.run(body, OPEN) === OPEN : !this.settles(body);
    return this.silent || silent;
  }

  run(node, state) {
    if (state === ENDED) return ENDED;
    return Object.hasOwn(statements, node.type) ? statements[node.type](this, node, state) : this.evaluate(node, state);
  }

  runAll(nodes, state) {
    return nodes.reduce((current, node) => this.run(node, current), state);
  }

  evaluate(node, state) {
    return state === HANDLED || (node && this.reports(node)) ? HANDLED : state;
  }

  /** Runs what a `break` can leave; every break joins the paths that come out at its end. */
  breakable(work) {
    this.breaks.push([]);
    const state = work();
    return merge([state, ...this.breaks.pop()]);
  }

  leave(state) {
    if (state === OPEN) this.silent = true;
    return ENDED;
  }

  settles(expression) {
    return this.reports(expression) || this.isFailure(expression);
  }

  /** Whether evaluating the node certainly hands the failure over. */
  reports(node) {
    if (node.type === 'ChainExpression') return false; // `reporter?.report(error)` may do nothing
    if (node.type === 'CallExpression') return this.isReport(node) || this.children(node).some((c) => this.reports(c));
    if (node.type === 'LogicalExpression') return this.reports(node.left);
    if (node.type === 'ConditionalExpression') {
      return this.reports(node.test) || (this.reports(node.consequent) && this.reports(node.alternate));
    }
    if (node.type === 'AssignmentExpression' && nameOf(node.left) === 'exitCode')
      return this.options.processExit === true;
    if (node.type === 'VariableDeclarator' && node.init && this.mentionsFailure(node.init)) {
      for (const name of this.boundNames(node.id)) this.failureNames.add(name);
    }
    return !/Function/.test(node.type) && this.children(node).some((child) => this.reports(child));
  }

  isReport(call) {
    const name = nameOf(call.callee);
    if (REPORTERS.has(name)) return true;
    if (FORWARDERS.has(name)) return call.arguments.some((argument) => this.isFailure(argument));
    if (this.options.processExit && name === 'exit') return true;
    return ITERATORS.has(name) && call.arguments.some((argument) => isFunction(argument) && this.reportsEach(argument));
  }

  reportsEach({ body }) {
    if (body.type !== 'BlockStatement') return this.reports(body);
    return body.body.some((node) => node.type === 'ExpressionStatement' && this.reports(node));
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

/** How each kind of statement changes what is known; one that is not named here is evaluated as an expression. */
const loop = (analysis, node, state) => analysis.breakable(() => merge([state, analysis.run(node.body, state)]));
const statements = {
  BlockStatement: (analysis, node, state) => analysis.runAll(node.body, state),
  LabeledStatement: (analysis, node, state) => analysis.run(node.body, state),
  FunctionDeclaration: (_analysis, _node, state) => state,
  ThrowStatement: () => ENDED,
  ReturnStatement: (analysis, node, state) =>
    analysis.leave(node.argument && analysis.settles(node.argument) ? HANDLED : state),
  BreakStatement(analysis, node, state) {
    const target = node.label ? undefined : analysis.breaks.at(-1);
    if (target === undefined) return analysis.leave(state);
    target.push(state);
    return ENDED;
  },
  ContinueStatement: (analysis, _node, state) => analysis.leave(state),
  IfStatement(analysis, node, before) {
    const state = analysis.evaluate(node.test, before);
    return merge([analysis.run(node.consequent, state), node.alternate ? analysis.run(node.alternate, state) : state]);
  },
  SwitchStatement(analysis, node, before) {
    const start = analysis.evaluate(node.discriminant, before);
    return analysis.breakable(() => {
      const last = node.cases.reduce(
        (fallen, { consequent }) => analysis.runAll(consequent, fallen === ENDED ? start : merge([fallen, start])),
        ENDED,
      );
      return node.cases.some(({ test }) => test === null) ? last : merge([last, start]);
    });
  },
  TryStatement(analysis, node, before) {
    const ends = [analysis.run(node.block, before)];
    if (node.handler) ends.push(analysis.run(node.handler.body, before));
    return node.finalizer ? analysis.run(node.finalizer, merge(ends)) : merge(ends);
  },
  // Whoever hands a failure to each of those that wait for it may find nobody waiting.
  ForOfStatement: (analysis, node, state) => analysis.breakable(() => analysis.run(node.body, state)),
  DoWhileStatement: (analysis, node, state) => analysis.breakable(() => analysis.run(node.body, state)),
  ForInStatement: loop,
  ForStatement: loop,
  WhileStatement: loop,
};

module.exports = { HandlerAnalysis, isFunction, isForwarder, nameOf };
