import { describeRow } from './describe-row';

describeRow('auth');
