export { AdminAccess } from './admin-access';
export { AdminGuard } from './admin.guard';
export { SupportGuard } from './support.guard';
export { adminMiddleware } from './admin.middleware';
export { AdminSessionModule } from './admin-session.module';
