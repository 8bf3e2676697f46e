'use strict';

const { FailureValues, FORWARDERS, ITERATORS, isFunction, nameOf, REPORTER } = require('./failure-values');
const { ownFunction } = require('./own-function');

/** What is known where a statement has run: the failure is still open, is handled (or expected), or the path has ended. */
const OPEN = 'open';
const HANDLED = 'handled';
const ENDED = 'ended';

/** Where paths meet again, the worst of those that go on counts. */
function merge(states) {
  if (states.includes(OPEN)) return OPEN;
  return states.includes(HANDLED) ? HANDLED : ENDED;
}

/** Follows every path through one handler; `silent` turns true when one leaves it with the failure unhandled. */
class HandlerAnalysis extends FailureValues {
  constructor(sourceCode, parameters, options, seen = new Set()) {
    super(sourceCode.visitorKeys, parameters);
    this.sourceCode = sourceCode;
    this.options = options;
    this.seen = seen;
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
    if (node.type === 'VariableDeclarator') this.follow(node);
    return !/Function/.test(node.type) && this.children(node).some((child) => this.reports(child));
  }

  isReport(call) {
    const name = nameOf(call.callee);
    if (REPORTER.test(name)) return true;
    if (FORWARDERS.has(name)) return call.arguments.some((argument) => this.isFailure(argument));
    if (this.options.processExit && name === 'exit') return true;
    if (ITERATORS.has(name))
      return call.arguments.some((callback) => isFunction(callback) && this.reportsEach(callback));
    return this.entrusts(call);
  }

  /** Whether the call gives the failure to a function of the same file or class that in turn lets nothing vanish. */
  entrusts(call) {
    const callee = ownFunction(this.sourceCode, call.callee);
    if (!callee?.body || this.seen.has(callee)) return false;
    const parameters = callee.params.filter((_, at) => call.arguments[at] && this.mentionsFailure(call.arguments[at]));
    if (parameters.length === 0) return false;
    const seen = new Set([...this.seen, callee]);
    return !new HandlerAnalysis(this.sourceCode, parameters, this.options, seen).isSilent(callee.body);
  }

  reportsEach({ body }) {
    if (body.type !== 'BlockStatement') return this.reports(body);
    return body.body.some((node) => node.type === 'ExpressionStatement' && this.reports(node));
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
    const [onTrue, onFalse] = [true, false].map((outcome) =>
      analysis.recognises(node.test, outcome) ? HANDLED : state,
    );
    return merge([
      analysis.run(node.consequent, onTrue),
      node.alternate ? analysis.run(node.alternate, onFalse) : onFalse,
    ]);
  },
  SwitchStatement(analysis, node, before) {
    const start = analysis.evaluate(node.discriminant, before);
    const recognised = analysis.mentionsFailure(node.discriminant) ? HANDLED : start;
    return analysis.breakable(() => {
      const last = node.cases.reduce(
        (fallen, { test, consequent }) => analysis.runAll(consequent, merge([fallen, test ? recognised : start])),
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

module.exports = { HandlerAnalysis };
