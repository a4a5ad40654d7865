<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Makes the manual page of an interface from its introspection XML with its comments: they are written once. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="xml" encoding="UTF-8"/>

  <xsl:template match="/">
    <xsl:apply-templates select="node/interface"/>
  </xsl:template>

  <!-- The comment right before an element is its documentation. -->
  <xsl:template name="comment">
    <xsl:variable name="before" select="preceding-sibling::node()[not(self::text())][1]"/>
    <xsl:if test="$before[self::comment()]"><xsl:value-of select="normalize-space($before)"/></xsl:if>
  </xsl:template>

  <xsl:template match="interface">
    <refentry id="{@name}">
      <refentryinfo><title><xsl:value-of select="@name"/></title><productname>burnin</productname>
      <author><othername>The burnin project</othername></author></refentryinfo>
      <refmeta><refentrytitle><xsl:value-of select="@name"/></refentrytitle><manvolnum>5</manvolnum></refmeta>
      <refnamediv>
        <refname><xsl:value-of select="@name"/></refname>
        <refpurpose>D-Bus interface of burnind</refpurpose>
      </refnamediv>
      <refsect1>
        <title>Description</title>
        <para>
          <!-- Its first line repeats the name. -->
          <xsl:variable name="text"><xsl:call-template name="comment"/></xsl:variable>
          <xsl:value-of select="normalize-space(substring-after($text, ':'))"/>
        </para>
      </refsect1>
      <xsl:if test="method">
        <refsect1><title>Methods</title>
          <variablelist><xsl:apply-templates select="method" mode="member"/></variablelist>
        </refsect1>
      </xsl:if>
      <xsl:if test="signal">
        <refsect1><title>Signals</title>
          <variablelist><xsl:apply-templates select="signal" mode="member"/></variablelist>
        </refsect1>
      </xsl:if>
      <xsl:if test="property">
        <refsect1><title>Properties</title>
          <variablelist><xsl:apply-templates select="property" mode="member"/></variablelist>
        </refsect1>
      </xsl:if>
      <refsect1>
        <title>See also</title>
        <para><citerefentry><refentrytitle>org.burnin1</refentrytitle><manvolnum>5</manvolnum></citerefentry>, for the objects,
        errors, polkit actions and journal fields;
        <citerefentry><refentrytitle>burnind</refentrytitle><manvolnum>8</manvolnum></citerefentry>,
        <citerefentry><refentrytitle>burninctl</refentrytitle><manvolnum>1</manvolnum></citerefentry></para>
      </refsect1>
    </refentry>
  </xsl:template>

  <xsl:template match="arg" mode="argument">
    <xsl:if test="position() &gt; 1">, </xsl:if>
    <literal><xsl:value-of select="@type"/></literal><xsl:text> </xsl:text>
    <replaceable><xsl:value-of select="@name"/></replaceable>
  </xsl:template>

  <xsl:template match="method|signal" mode="member">
    <varlistentry>
      <term>
        <function><xsl:value-of select="@name"/></function>
        <xsl:text>(</xsl:text>
        <xsl:apply-templates select="arg[not(@direction='out')]" mode="argument"/>
        <xsl:text>)</xsl:text>
        <xsl:if test="arg[@direction='out']">
          <xsl:text> → </xsl:text>
          <xsl:apply-templates select="arg[@direction='out']" mode="argument"/>
        </xsl:if>
      </term>
      <listitem><para><xsl:call-template name="comment"/></para></listitem>
    </varlistentry>
  </xsl:template>

  <xsl:template match="property" mode="member">
    <xsl:variable name="emits" select="annotation[@name='org.freedesktop.DBus.Property.EmitsChangedSignal']/@value"/>
    <varlistentry>
      <term>
        <varname><xsl:value-of select="@name"/></varname>
        <xsl:text> (</xsl:text><literal><xsl:value-of select="@type"/></literal>
        <xsl:choose>
          <xsl:when test="$emits='const'">, never changes</xsl:when>
          <xsl:when test="$emits='false'">, changes without a signal</xsl:when>
          <xsl:when test="$emits='invalidates'">, a change is signalled without its value</xsl:when>
        </xsl:choose>
        <xsl:text>)</xsl:text>
      </term>
      <listitem><para><xsl:call-template name="comment"/></para></listitem>
    </varlistentry>
  </xsl:template>
</xsl:stylesheet>
