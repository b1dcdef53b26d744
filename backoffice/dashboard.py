from grappelli.dashboard import Dashboard


class BackOfficeDashboard(Dashboard):
    pass
