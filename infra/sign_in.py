"""SignIn: users of the page, in a Cognito user pool (authorization code with PKCE)."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.config import DeploymentConfig


class SignIn(Construct):
    """The user pool with its sign-in page; ``add_page`` registers the site with it."""

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Make the pool; an administrator adds its users."""
        super().__init__(scope, construct_id)
        self.pool = cognito.UserPool(
            self,
            "Users",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_uppercase=True,
                require_symbols=True,
                temp_password_validity=cdk.Duration.days(3),
            ),
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            deletion_protection=config.keep,
            removal_policy=(cdk.RemovalPolicy.RETAIN if config.keep else cdk.RemovalPolicy.DESTROY),
        )
        # The account's number makes the name unique in the region, as Cognito demands.
        prefix = f"{config.name}-{cdk.Stack.of(self).account}"
        self.origin = f"https://{prefix}.auth.{config.region}.amazoncognito.com"
        self.pool.add_domain(
            "SignInPage", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix)
        )

    def add_page(self, site_url: str) -> cognito.UserPoolClient:
        """Let a page sign its users in.

        Args:
            site_url: Where Cognito sends them back to, without the last slash.
        """
        return self.pool.add_client(
            "Page",
            generate_secret=False,  # a page cannot keep one; PKCE takes its place
            auth_flows=cognito.AuthFlow(),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
                callback_urls=[f"{site_url}/"],
                logout_urls=[f"{site_url}/"],
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=cdk.Duration.hours(1),
            id_token_validity=cdk.Duration.hours(1),
            refresh_token_validity=cdk.Duration.days(30),
        )

    def authorizer(self, client: cognito.UserPoolClient) -> apigatewayv2.IHttpRouteAuthorizer:
        """Let the API take the tokens of one client alone."""
        return authorizers.HttpUserPoolAuthorizer("SignIn", self.pool, user_pool_clients=[client])
