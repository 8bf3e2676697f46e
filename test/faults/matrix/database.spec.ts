import { describeRow } from './describe-row';

describeRow('database');
