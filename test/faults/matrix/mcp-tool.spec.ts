import { describeRow } from './describe-row';

describeRow('mcp tool');
