import { describeRow } from './describe-row';

describeRow('smtp');
